//! Error replies by name, whichever of its two shapes zbus gives them.

use zbus::DBusError as _;

/// The name and text of an error reply; `None` for an error that is no reply (the bus went away, a body of a wrong type).
///
/// zbus has one variant for the errors that the D-Bus specification names and another for all others.
pub fn error_reply(error: &zbus::Error) -> Option<(String, String)> {
    match error {
        zbus::Error::MethodError(name, text, _) => Some((name.to_string(), text.clone().unwrap_or_default())),
        zbus::Error::FDO(error) if !matches!(**error, zbus::fdo::Error::ZBus(_)) => {
            Some((error.name().to_string(), error.description().unwrap_or_default().to_owned()))
        }
        _ => None,
    }
}

/// Whether an error reply says that nobody has the bus name, or that who has it does not answer.
pub fn is_absence(name: &str) -> bool {
    let last = name.strip_prefix("org.freedesktop.DBus.Error.");
    matches!(last, Some("ServiceUnknown" | "NameHasNoOwner" | "NoReply" | "Disconnected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_error_has_its_name_and_text() {
        let error = zbus::Error::FDO(Box::new(zbus::fdo::Error::InvalidArgs("too hot".into())));
        let reply = ("org.freedesktop.DBus.Error.InvalidArgs".to_owned(), "too hot".to_owned());
        assert_eq!(error_reply(&error), Some(reply));
        assert_eq!(error_reply(&zbus::Error::InvalidReply), None);
        assert!(is_absence("org.freedesktop.DBus.Error.ServiceUnknown"));
        assert!(!is_absence("org.freedesktop.DBus.Error.UnknownObject"));
    }
}
