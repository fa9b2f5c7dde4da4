//! The simulated host's login and shell.

use std::fmt::Write as _;

/// Longest command line.
const MAX_LINE: usize = 256;
/// Longest burst: 64 MiB.
const MAX_BURST: u64 = 64 << 20;

/// What stands where a name is to be typed.
pub(super) const LOGIN: &str = "simulated-host login: ";
/// What stands where a command is to be typed.
pub(super) const PROMPT: &str = "root@simulated-host:~# ";

const HELP: &str = "burst N    prints N bytes that are the same each time\r\n\
                    receive N  takes N bytes without echo and prints their FNV-1a sum\r\n\
                    screen     draws in colour and moves the cursor\r\n\
                    echo TEXT  prints TEXT\r\n\
                    logout     back to the login\r\n";

/// The byte at `index` of a burst: lines of 64 bytes, each with its own offset in hexadecimal.
pub(super) fn burst_byte(index: u64) -> u8 {
    const ALPHABET: &[u8; 53] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=";
    let (line, column) = (index / 64, index % 64);
    // Each value is below 64 or a digit: nothing is cut off.
    let nibble = |place: u64| u8::try_from((line * 64) >> (28 - 4 * place) & 0xf).unwrap_or_default();
    match column {
        0..=7 => b"0123456789abcdef".get(usize::from(nibble(column))).copied().unwrap_or_default(),
        8 => b' ',
        62 => b'\r',
        63 => b'\n',
        _ => {
            let place = usize::try_from((column + line) % 53).unwrap_or_default();
            ALPHABET.get(place).copied().unwrap_or_default()
        }
    }
}

/// What `burst N` prints, for who compares.
pub fn burst(length: u64) -> Vec<u8> {
    (0..length).map(burst_byte).collect()
}

/// What `screen` prints: colours of all kinds, cursor movement, line drawing, UTF-8.
pub fn screen() -> String {
    let mut text = String::from("\x1b[?25l\x1b[2J\x1b[H\x1b[1;33;44m Installer \x1b[0m\r\n");
    for colour in 0..=255 {
        // A string takes what is written to it.
        let _ = write!(text, "\x1b[48;5;{colour}m ");
    }
    for (row, column) in [(5, 10), (12, 40), (7, 71), (5, 10)] {
        let _ = write!(text, "\x1b[{row};{column}H\x1b[38;2;200;{row};{column}m\u{250c}\u{2500}\u{2510}");
    }
    text.push_str("\x1b(0lqqk\x1b(B\x1b[10;1H\x1b[7mOK\x1b[0m\x1b[20;1H\x1b[?25h");
    text
}

/// What a key led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) text: Vec<u8>,
    /// Bytes of a burst behind it, and then a prompt.
    pub(super) burst: u64,
}

#[derive(Debug, Clone, Default)]
enum Mode {
    #[default]
    Login,
    Command,
    /// Takes bytes: how many are left, how many there are, and the sum so far.
    Receive(u64, u64, u32),
}

/// Login, line editing and commands.
#[derive(Debug, Clone, Default)]
pub(super) struct Shell {
    mode: Mode,
    line: Vec<u8>,
    /// A CR was the last key: an LF after it is the same line end.
    after_return: bool,
}

impl Shell {
    /// One byte from the terminal.
    pub(super) fn key(&mut self, byte: u8) -> Answer {
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        if let Mode::Receive(left, total, sum) = self.mode {
            return if after_return && byte == b'\n' && left == total {
                Answer::default()
            } else {
                self.receive(byte, left, total, sum)
            };
        }
        let text = match byte {
            b'\n' if after_return => Vec::new(),
            b'\r' | b'\n' => return self.enter(),
            0x08 | 0x7f => self.line.pop().map(|_| b"\x08 \x08".to_vec()).unwrap_or_default(),
            0x03 => {
                self.line.clear();
                format!("^C\r\n{}", self.prompt()).into_bytes()
            }
            0x20.. if self.line.len() < MAX_LINE => {
                self.line.push(byte);
                vec![byte]
            }
            _ => Vec::new(),
        };
        Answer { text, burst: 0 }
    }

    fn prompt(&self) -> &'static str {
        if matches!(self.mode, Mode::Login) { LOGIN } else { PROMPT }
    }

    fn receive(&mut self, byte: u8, left: u64, total: u64, sum: u32) -> Answer {
        const PRIME: u32 = 0x0100_0193;
        let sum = (sum ^ u32::from(byte)).wrapping_mul(PRIME);
        if left > 1 {
            self.mode = Mode::Receive(left - 1, total, sum);
            return Answer::default();
        }
        self.mode = Mode::Command;
        Answer { text: format!("received {total} bytes, sum {sum:08x}\r\n{PROMPT}").into_bytes(), burst: 0 }
    }

    fn enter(&mut self) -> Answer {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line).into_owned();
        let (text, burst) = match self.mode {
            Mode::Login if line.trim().is_empty() => (LOGIN.to_owned(), 0),
            Mode::Login => {
                self.mode = Mode::Command;
                (format!("Welcome, {}. `help` says what there is.\r\n{PROMPT}", line.trim()), 0)
            }
            _ => self.command(line.trim()),
        };
        Answer { text: format!("\r\n{text}").into_bytes(), burst }
    }

    fn command(&mut self, line: &str) -> (String, u64) {
        const OFFSET_BASIS: u32 = 0x811c_9dc5;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = rest.trim().parse().ok().filter(|number| (1..=MAX_BURST).contains(number));
        let text = match (word, number) {
            ("", _) => String::new(),
            ("help", _) => HELP.to_owned(),
            ("echo", _) => format!("{rest}\r\n"),
            ("screen", _) => screen(),
            ("burst", Some(number)) => return (String::new(), number),
            ("receive", Some(number)) => {
                self.mode = Mode::Receive(number, number, OFFSET_BASIS);
                return ("ready\r\n".to_owned(), 0);
            }
            ("burst" | "receive", None) => format!("{word}: 1 to {MAX_BURST}\r\n"),
            ("logout" | "exit", _) => {
                self.mode = Mode::Login;
                return (LOGIN.to_owned(), 0);
            }
            _ => format!("{word}: command not found\r\n"),
        };
        (text + PROMPT, 0)
    }
}
