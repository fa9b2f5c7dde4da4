//! A program on a terminal of its own, as a person has it.

#![allow(clippy::unwrap_used, reason = "a failure here is the caller's test failing")]

use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use crate::eventually;

/// How long a program may take to show anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was shown so far, and that there is more.
type Screen = Arc<(Mutex<Vec<u8>>, Condvar)>;

/// A running program; killed with this.
#[derive(Debug)]
pub struct Terminal {
    process: Child,
    keyboard: Option<ChildStdin>,
    screen: Screen,
    /// What [`Terminal::wait_for`] has gone past.
    seen: usize,
}

impl Terminal {
    /// Starts `command` with `script` of util-linux, which makes the terminal.
    ///
    /// # Panics
    /// Where it cannot, or does not within half a minute.
    pub fn start(command: &Command) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line = words.map(|word| quoted(word.to_str().unwrap())).collect::<Vec<_>>().join(" ");
        let mut script = Command::new("script");
        script.args(["--quiet", "--flush", "--return", "--command", &format!("exec {line}"), "/dev/null"]);
        script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
        Self::of(script)
    }

    /// Starts `command` without a terminal, for a program that wants none.
    ///
    /// # Panics
    /// Where it cannot, or does not within half a minute.
    pub fn of(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keyboard, mut output) = (process.stdin.take(), process.stdout.take().unwrap());
        let screen = Screen::default();
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                shown.0.lock().unwrap().extend(&buffer[..length]);
                shown.1.notify_all();
            }
        });
        Self { process, keyboard, screen, seen: 0 }
    }

    /// Presses keys.
    ///
    /// # Panics
    /// Where it cannot, or does not within half a minute.
    pub fn keys(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    /// Waits until `text` is shown after what was waited for before; all that was shown up to it.
    ///
    /// # Panics
    /// Where it cannot, or does not within half a minute.
    pub fn wait_for(&mut self, text: &str) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        let (shown, more) = &*self.screen;
        let mut shown = shown.lock().unwrap();
        loop {
            let new = &shown[self.seen..];
            if let Some(at) = new.windows(text.len()).position(|window| window == text.as_bytes()) {
                let end = self.seen + at + text.len();
                let passed = shown[self.seen..end].to_vec();
                self.seen = end;
                return passed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {text:?} in {:?}", String::from_utf8_lossy(new));
            shown = more.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// Hangs up the keyboard and waits for the program's end.
    ///
    /// # Panics
    /// Where it cannot, or does not within half a minute.
    pub fn hang_up(mut self) {
        drop(self.keyboard.take());
        self.ends();
    }

    /// Waits for the program's end.
    ///
    /// # Panics
    /// Where it cannot, or does not within half a minute.
    pub fn ends(&mut self) {
        eventually("the program to end", || self.process.try_wait().unwrap().is_some());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
