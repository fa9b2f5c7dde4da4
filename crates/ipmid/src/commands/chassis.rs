//! Power, identify and what the chassis tells of itself (NetFn 00h).

use crate::dispatch::Entry;

pub(crate) const COMMANDS: &[Entry] = &[];
