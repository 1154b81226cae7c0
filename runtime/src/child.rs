//! The command of `-c`: started stopped, so that nothing it does is missed, and let go when everything is attached.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A process that waits to be let go.
#[derive(Debug)]
pub struct Child {
    /// Its process id.
    pub pid: u32,
    /// Closing or writing it lets the process go.
    gate: Option<OwnedFd>,
    waited: bool,
}

impl Child {
    /// Forks; the child waits at the gate and then runs the command, found on `$PATH`.
    pub fn spawn(command: &str) -> Result<Child, String> {
        let words = split(command)?;
        let Some(first) = words.first() else { return Err("the command of -c is empty".into()) };
        let program = find(first).ok_or_else(|| format!("the command `{first}` of -c is not found"))?;
        let args: Vec<CString> =
            words.iter().map(|w| CString::new(w.as_str())).collect::<Result<_, _>>().map_err(|_| "the command holds a NUL byte")?;
        let program = CString::new(program).map_err(|_| "the command holds a NUL byte")?;
        let mut pointers: Vec<*const libc::c_char> = args.iter().map(|a| a.as_ptr()).collect();
        pointers.push(std::ptr::null());
        let (read, write) = pipe().map_err(|e| format!("no pipe can be had: {e}"))?;
        // SAFETY: between fork and exec the child only makes system calls; this process has one thread.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(format!("no process can be had: {}", io::Error::last_os_error()));
        }
        if pid == 0 {
            // SAFETY: as above; all pointers were made before the fork.
            unsafe {
                libc::close(write.as_raw_fd());
                let mut set: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&raw mut set);
                libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
                libc::signal(libc::SIGPIPE, libc::SIG_DFL);
                let mut byte = 0u8;
                // No byte, only the end: the tracer died, and the command is not to run.
                if libc::read(read.as_raw_fd(), (&raw mut byte).cast(), 1) == 1 {
                    libc::execv(program.as_ptr(), pointers.as_ptr());
                }
                libc::_exit(127);
            }
        }
        Ok(Child { pid: pid as u32, gate: Some(write), waited: false })
    }

    /// Lets it run.
    pub fn release(&mut self) {
        if let Some(gate) = self.gate.take() {
            // SAFETY: one byte from one byte.
            unsafe { libc::write(gate.as_raw_fd(), [1u8].as_ptr().cast(), 1) };
        }
    }

    /// Asks to be told just before it ends, while its memory is still mapped: then it stops, and SIGCHLD is sent.
    /// Where the system does not allow that, it is not told (ptrace(2), PTRACE_O_TRACEEXIT).
    pub fn watch_end(&self) {
        // SAFETY: plain integers; the process is our child.
        unsafe { libc::ptrace(libc::PTRACE_SEIZE, self.pid as libc::pid_t, 0, libc::PTRACE_O_TRACEEXIT) };
    }

    /// Handles its stops: calls `about_to_end` at the one before its end, passes signals on, and lets it go on.
    pub fn handle_stops(&mut self, mut about_to_end: impl FnMut(u32)) {
        let pid = self.pid as libc::pid_t;
        let mut status = 0;
        // SAFETY: the status is written to a local; the requests take plain integers.
        unsafe {
            while libc::waitpid(pid, &raw mut status, libc::WNOHANG | libc::__WALL) == pid {
                if !libc::WIFSTOPPED(status) {
                    self.waited = true;
                    return;
                }
                let event = status >> 16;
                if event == libc::PTRACE_EVENT_EXIT {
                    about_to_end(self.pid);
                }
                match event {
                    libc::PTRACE_EVENT_STOP => libc::ptrace(libc::PTRACE_LISTEN, pid, 0, 0),
                    0 => libc::ptrace(libc::PTRACE_CONT, pid, 0, libc::WSTOPSIG(status)),
                    _ => libc::ptrace(libc::PTRACE_CONT, pid, 0, 0),
                };
            }
        }
    }

    /// Ends it, if it still runs, as bpftrace does when the script ends first.
    fn end(&mut self) {
        if self.waited {
            return;
        }
        self.waited = true;
        // SAFETY: plain integers; the process is our child and was not waited for.
        unsafe {
            libc::kill(self.pid as i32, libc::SIGTERM);
            libc::waitpid(self.pid as i32, std::ptr::null_mut(), libc::WNOHANG);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: two descriptors into an array of two.
    if unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us both.
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

/// Words of a command line; quotes and backslashes as in a shell, nothing else of it.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("the command of -c has a quote that is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

/// The program that a command starts.
pub fn program(command: &str) -> Option<String> {
    find(split(command).ok()?.first()?)
}

fn find(name: &str) -> Option<String> {
    if name.contains('/') {
        return std::path::Path::new(name).is_file().then(|| name.to_string());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').map(|d| format!("{d}/{name}")).find(|p| std::path::Path::new(p).is_file())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_and_quotes() {
        assert_eq!(split("sh -c 'a b' \"c\\\"d\" e\\ f").unwrap(), ["sh", "-c", "a b", "c\"d", "e f"]);
        assert!(split("sh 'x").is_err());
    }
}
