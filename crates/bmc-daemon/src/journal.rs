//! Logging: to the journal under systemd, to stderr elsewhere.
//!
//! A subscriber of our own: nothing here opens spans, and the registry that the usual one keeps of them takes 32 KiB in each daemon.

use std::{
    fmt::Write as _,
    io::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};

use crate::utc::utc_millis;

/// Starts logging for `daemon`. systemd sets `JOURNAL_STREAM` where stderr is the journal; there, structured fields are kept.
pub(crate) fn init(daemon: &'static str, level: Level) {
    let most = LevelFilter::from_level(level);
    // There is nobody before this who could have set another.
    let _ = if std::env::var_os("JOURNAL_STREAM").is_some() {
        tracing::subscriber::set_global_default(Log { most, sink: move |line| to_journal(daemon, line) })
    } else {
        tracing::subscriber::set_global_default(Log { most, sink: to_stderr })
    };
}

/// Hands each event up to a level to its sink.
struct Log<S> {
    most: LevelFilter,
    sink: S,
}

/// An event as it is logged.
struct Line {
    level: Level,
    message: String,
    /// What it tells beside the message, by name.
    fields: Vec<(&'static str, String)>,
}

impl<S: Fn(Line) + Send + Sync + 'static> Subscriber for Log<S> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.most
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line { level: *event.metadata().level(), message: String::new(), fields: Vec::new() };
        event.record(&mut line);
        (self.sink)(line);
    }

    // No span is enabled, so none of these is called with one.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            // Writing to a string does not fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.fields.push((field.name(), format!("{value:?}")));
        }
    }
}

/// Sends a line to journald with its fields' names upper-cased, as journald wants them.
fn to_journal(daemon: &str, line: Line) {
    let priority = match line.level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    };
    let mut entry = vec![
        format!("MESSAGE={}", line.message),
        format!("PRIORITY={priority}"),
        format!("SYSLOG_IDENTIFIER={daemon}"),
    ];
    let name = |name: &str| name.to_uppercase().replace('.', "_");
    entry.extend(line.fields.iter().map(|(field, value)| format!("{}={value}", name(field))));
    let entry: Vec<&str> = entry.iter().map(String::as_str).collect();
    // A journal that does not take a line leaves nowhere to say so.
    let _ = systemd::journal::send(&entry);
}

fn to_stderr(line: Line) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // In one piece, so that lines of several writers do not mix. A terminal that is gone leaves nowhere to say so.
    let _ = std::io::stderr().write_all(text(&utc_millis(now), &line).as_bytes());
}

/// A line as a terminal shows it. What a host or a client made us say moves no cursor, and looks like no line of its own.
fn text(time: &str, line: &Line) -> String {
    let mut text = format!("{time} {:>5} ", line.level.as_str());
    push_harmless(&mut text, &line.message);
    for (name, value) in &line.fields {
        let _ = write!(text, " {name}=");
        push_harmless(&mut text, value);
    }
    text.push('\n');
    text
}

fn push_harmless(text: &mut String, said: &str) {
    for letter in said.chars() {
        match letter {
            '\n' => text.push_str("\n    "),
            control if control.is_control() => text.extend(control.escape_default()),
            letter => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged up to `level` meanwhile.
    fn logged(level: Level, work: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let sink = move |line: Line| sink.lock().unwrap().push(text("now", &line));
        tracing::subscriber::with_default(Log { most: LevelFilter::from_level(level), sink }, work);
        // Another test's first event may hold the subscriber for a moment, and `lines` with it.
        std::mem::take(&mut *lines.lock().unwrap())
    }

    #[test]
    fn events_up_to_the_level_are_logged_with_their_fields() {
        let lines = logged(Level::INFO, || {
            tracing::info!(port = 623, name = "eth0", "listening on {}", "all");
            tracing::debug!("more than was asked for");
            tracing::info_span!("a span").in_scope(|| tracing::warn!("inside"));
        });
        assert_eq!(lines, ["now  INFO listening on all port=623 name=\"eth0\"\n", "now  WARN inside\n"]);
    }

    #[test]
    fn what_comes_from_outside_moves_no_cursor_and_makes_no_line_of_its_own() {
        let said = "\x1b[2J\r\n2026 ERROR forged";
        let harmless = "\\u{1b}[2J\\r\n    2026 ERROR forged";
        let lines = logged(Level::ERROR, || tracing::error!(user = %said, "refused {said}"));
        assert_eq!(lines, [format!("now ERROR refused {harmless} user={harmless}\n")]);
    }
}
