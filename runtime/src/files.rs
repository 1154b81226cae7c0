//! Files that a script names: `#include` and `import`.

use lang::cdef::Files;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Files beside the script, and in the directories of `-I`.
pub struct ScriptFiles<'a> {
    /// `-I`.
    pub dirs: &'a [PathBuf],
    /// `--include`.
    pub first: &'a [String],
}

/// The directory that a script's paths are relative to.
fn base(from: &str) -> PathBuf {
    Path::new(from).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

fn text(path: &Path) -> Option<(String, String)> {
    let bytes = std::fs::read(path).ok()?;
    Some((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
}

impl Files for ScriptFiles<'_> {
    fn read(&self, name: &str, system: bool, from: &str) -> Option<(String, String)> {
        let beside = (!system).then(|| base(from).join(name));
        let dirs = self.dirs.iter().map(|d| d.join(name));
        beside.into_iter().chain(dirs).find(|p| p.is_file()).and_then(|p| text(&p))
    }

    fn first(&self) -> &[String] {
        self.first
    }

    fn import(&self, path: &str, from: &str) -> Result<Vec<(String, String)>, String> {
        let full = base(from).join(path);
        let full =
            full.canonicalize().map_err(|e| format!("`{path}` can't be imported: {}", e.to_string().split(" (os").next().unwrap_or("")))?;
        let dir = if full.is_dir() { full.clone() } else { full.parent().unwrap_or(&full).to_path_buf() };
        // Whoever may write there could make root run what he likes.
        let mode = std::fs::metadata(&dir).map_err(|e| e.to_string())?.permissions().mode();
        if mode & 0o002 != 0 {
            return Err(format!("`{path}` is not imported: everybody may write to the directory {}", dir.display()));
        }
        let mut files: Vec<PathBuf> = if full.is_dir() {
            let all = std::fs::read_dir(&full).map_err(|e| e.to_string())?;
            all.flatten().map(|e| e.path()).filter(|p| p.is_file() && is_importable(p)).collect()
        } else if is_importable(&full) {
            vec![full]
        } else if path.ends_with(".bpf.c") {
            return Err(format!("`{path}` is C for BPF, which needs a C compiler: write it as a `fn` or a macro of the language"));
        } else {
            return Err(format!("`{path}` is neither a script (.bt) nor a header (.h)"));
        };
        files.sort();
        Ok(files.iter().filter_map(|p| text(p)).collect())
    }
}

fn is_importable(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "bt" || e == "h")
}
