//! obmc-console's configuration files, as they are: `key = value` lines, `#` and `;` comments.
//!
//! Not served: several consoles behind a GPIO multiplexer (`mux-gpios`, sections), which is refused; and a tty of the controller
//! itself beside the sockets (`local-tty`), which is told of in the journal.

use std::path::{Path, PathBuf};

use bmc_daemon::Located;

use super::Raw;

/// Where the log is where the file does not say; obmc-console has one file for all consoles there.
const LOG_DIRECTORY: &str = "/var/log/ferrite-console";

/// Reads the text of the file at `path`.
pub(super) fn parse(path: &Path, text: &str) -> Result<Raw, Located> {
    let mut raw = Raw { path: path.to_owned(), ..Raw::default() };
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let wrong = |message: String| Located { path: path.to_owned(), line: number, message };
        let line = without_comment(line);
        if line.is_empty() {
            continue;
        }
        if line.starts_with('[') {
            let hint = "several consoles behind a multiplexer are not supported";
            return Err(wrong(format!("section {line}: {hint}")));
        }
        let (key, value) =
            line.split_once('=').ok_or_else(|| wrong(format!("`{line}` is not `key = value`")))?;
        let (key, value) = (key.trim(), value.trim().trim_matches('"'));
        // An empty value is as good as none.
        if !value.is_empty() {
            set(&mut raw, key, value, number).map_err(wrong)?;
        }
    }
    if raw.log_file.is_none() {
        raw.log_file = Some(Path::new(LOG_DIRECTORY).join(raw.id()).with_extension("log"));
    }
    Ok(raw)
}

fn without_comment(line: &str) -> &str {
    line.split(['#', ';']).next().unwrap_or_default().trim()
}

fn set(raw: &mut Raw, key: &str, value: &str, line: usize) -> Result<(), String> {
    let size = || bytes(value).ok_or_else(|| format!("{key}: `{value}` is no size such as 64k or 1M"));
    let number = || integer(value).ok_or_else(|| format!("{key}: `{value}` is no number"));
    match key {
        "console-id" | "socket-id" => raw.id = Some((value.to_owned(), line)),
        "upstream-tty" => raw.tty = Some((value.to_owned(), line)),
        "baud" => raw.baud = Some((number()?, line)),
        "lpc-address" => raw.lpc_address = Some((number()?, line)),
        "sirq" => raw.sirq = Some((number()?, line)),
        "sirq-polarity" => raw.sirq_polarity = Some((number()?, line)),
        "aspeed-uart-routing" => raw.uart_routing = Some((value.to_owned(), line)),
        // These two are ours.
        "ring-gpio" => raw.ring_gpio = Some(value.to_owned()),
        "ring-polarity" => raw.ring_polarity = Some((number()?, line)),
        // Its smallest, and what it makes of less.
        "logsize" => raw.log_size = Some((size()?.max(4097), line)),
        "logfile" => raw.log_file = Some(PathBuf::from(value)),
        "ringbuffer-size" => raw.ring_size = Some((size()?, line)),
        "local-tty" => tracing::warn!("{key} = {value}: not served; use `ferrite ctl console` or a getty"),
        "local-tty-baud" => {}
        "mux-gpios" | "mux-index" | "active-console" => {
            return Err(format!("{key}: several consoles behind a multiplexer are not supported"));
        }
        _ => return Err(format!("unknown key `{key}`")),
    }
    Ok(())
}

/// As strtoul(3) with base 0 reads it: decimal, `0x` hexadecimal, or octal with a leading zero.
fn integer(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if lower.len() > 1 && lower.starts_with('0') => u64::from_str_radix(&lower, 8).ok(),
        None => lower.parse().ok(),
    }
}

/// A number of bytes with k, M or G behind it, which a B may follow.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let unit_at = text.find(['k', 'M', 'G', 'b', 'B']).filter(|_| !text.starts_with("0x")).unwrap_or(digits);
    let (number, unit) = text.split_at(unit_at.min(digits));
    let shift = match unit.trim().trim_end_matches(['b', 'B']).trim() {
        "" => 0,
        "k" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    integer(number.trim())?.checked_mul(1 << shift)
}
