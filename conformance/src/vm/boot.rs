//! Boots a machine and reads what its console says.

use crate::case::Output;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A machine that says nothing for so long hangs.
const SILENCE: Duration = Duration::from_secs(150);
/// Nor may a boot with all cases take longer than this.
const TOTAL: Duration = Duration::from_secs(30 * 60);

/// Boots a kernel with an image that holds so many cases; their outputs, `None` for those that were not reached.
pub fn run(kernel: &Path, image: &Path, cases: usize) -> Result<Vec<Option<Output>>> {
    // One CPU: with two, kprobes under QEMU 7.2's emulation break the guest.
    let mut child = Command::new("qemu-system-x86_64")
        .args(["-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "2048", "-nographic", "-no-reboot", "-nic", "none"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(image)
        .args(["-append", "console=ttyS0 oops=panic panic=-1 quiet loglevel=1 mitigations=off"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("qemu can't be started")?;
    let console = child.stdout.take().context("no console")?;
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
            if send.send(String::from_utf8_lossy(&line).trim_end_matches('\r').to_string()).is_err() {
                return;
            }
        }
    });
    let start = Instant::now();
    let mut parser = Parser::new(cases);
    while !parser.ended && start.elapsed() < TOTAL {
        match receive.recv_timeout(SILENCE) {
            Ok(line) => parser.line(&line),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    if parser.kernel.is_none() {
        bail!("the machine did not come up; its last words:\n{}", parser.noise.join("\n"));
    }
    Ok(parser.outputs)
}

/// Takes the console's lines apart (see `image::init`).
struct Parser {
    outputs: Vec<Option<Output>>,
    kernel: Option<String>,
    ended: bool,
    current: Option<(usize, i32)>,
    part: Part,
    out: String,
    err: String,
    noise: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    None,
    Out,
    Err,
}

impl Parser {
    fn new(cases: usize) -> Self {
        Parser {
            outputs: vec![None; cases],
            kernel: None,
            ended: false,
            current: None,
            part: Part::None,
            out: String::new(),
            err: String::new(),
            noise: Vec::new(),
        }
    }

    fn line(&mut self, line: &str) {
        let Some(at) = line.find("@@") else {
            match self.part {
                Part::Out => self.out.push_str(line.trim()),
                Part::Err => self.err.push_str(line.trim()),
                Part::None => {
                    self.noise.push(line.into());
                    let extra = self.noise.len().saturating_sub(30);
                    self.noise.drain(..extra);
                }
            }
            return;
        };
        let mut words = line[at + 2..].split_whitespace();
        match words.next() {
            Some("kernel") => self.kernel = words.next().map(str::to_string),
            Some("case") => {
                let mut number = || words.next().and_then(|w| w.parse::<i64>().ok()).unwrap_or(-1);
                self.current = Some((number() as usize, number() as i32));
                self.out.clear();
                self.err.clear();
            }
            Some("out") => self.part = Part::Out,
            Some("err") => self.part = Part::Err,
            Some("done") => {
                self.part = Part::None;
                if let Some((i, exit)) = self.current.take()
                    && let Some(slot) = self.outputs.get_mut(i)
                {
                    *slot = Some(Output { stdout: decoded(&self.out), stderr: decoded(&self.err), exit });
                }
            }
            Some("end") => self.ended = true,
            _ => {}
        }
    }
}

/// Base64 (RFC 4648) to text.
fn decoded(text: &str) -> String {
    let value = |b: u8| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for v in text.bytes().filter_map(value) {
        bits = bits << 6 | u32::from(v);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_with_noise() {
        let mut p = Parser::new(2);
        for l in ["SeaBIOS", "@@kernel 6.1.0", "@@case 1 3", "@@out", "QDog", "NQo=", "@@err", "@@done", "[1.2] noise", "@@end"] {
            p.line(l);
        }
        assert_eq!(p.outputs[0], None);
        assert_eq!(p.outputs[1], Some(Output { stdout: "@: 5\n".into(), stderr: String::new(), exit: 3 }));
        assert!(p.ended && p.kernel.as_deref() == Some("6.1.0"));
    }
}
