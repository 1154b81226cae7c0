#!/bin/sh
# Fuzzes one target from the seeds of this repository: run.sh TARGET [SECONDS]. See README.md.
set -eu
target=$1
seconds=${2:-1800}
cd "$(dirname "$0")"
mkdir -p "corpus/$target"
cargo run --quiet --release -p conformance --manifest-path ../../Cargo.toml -- seeds "corpus/$target" corpus/words.dict
export RUSTC_BOOTSTRAP=1 # -Z flags of a stable compiler
exec nice -n 19 cargo fuzz run --fuzz-dir . --sanitizer none "$target" -- \
    -max_len=4096 -timeout=10 -rss_limit_mb=4096 -dict=corpus/words.dict -max_total_time="$seconds"
