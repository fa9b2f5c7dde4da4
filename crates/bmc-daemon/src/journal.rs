//! Logging: to the journal under systemd, to stderr elsewhere.

use std::fmt::Write as _;

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::LevelFilter,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

/// Starts logging for `daemon`. systemd sets `JOURNAL_STREAM` where stderr is the journal; there, structured fields are kept.
pub(crate) fn init(daemon: &'static str, level: Level) {
    let filter = LevelFilter::from_level(level);
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        tracing_subscriber::registry().with(Journal { daemon }.with_filter(filter)).init();
    } else {
        let stderr = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_target(false)
            .with_filter(filter);
        tracing_subscriber::registry().with(stderr).init();
    }
}

/// Sends each event to journald with its fields upper-cased, as journald wants them.
struct Journal {
    daemon: &'static str,
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields { message: String::new(), others: Vec::new() };
        event.record(&mut fields);
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        let mut entry = vec![
            format!("MESSAGE={}", fields.message),
            format!("PRIORITY={priority}"),
            format!("SYSLOG_IDENTIFIER={}", self.daemon),
        ];
        entry.append(&mut fields.others);
        let entry: Vec<&str> = entry.iter().map(String::as_str).collect();
        // A journal that does not take a line leaves nowhere to say so.
        let _ = systemd::journal::send(&entry);
    }
}

struct Fields {
    message: String,
    others: Vec<String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.others.push(format!("{}={value:?}", field.name().to_uppercase().replace('.', "_")));
        }
    }
}
