//! What a person types at the beginning of a line that is not for the host, as ssh and obmc-console have it.

/// What keys ask for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Goes to the host.
    Send(Vec<u8>),
    Break,
    Help,
    Quit,
}

/// Where in a line the keys are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Escape {
    #[default]
    LineStart,
    /// After a tilde at the beginning of a line, which has not been sent.
    Tilde,
    Middle,
}

impl Escape {
    /// Takes `keys`; what to do, in order.
    pub(super) fn take(&mut self, keys: &[u8]) -> Vec<Action> {
        let (mut actions, mut send) = (Vec::new(), Vec::new());
        for &key in keys {
            let special = match (*self, key) {
                (Self::LineStart, b'~') => {
                    *self = Self::Tilde;
                    continue;
                }
                (Self::Tilde, b'.') => Some(Action::Quit),
                (Self::Tilde, b'B') => Some(Action::Break),
                (Self::Tilde, b'?') => Some(Action::Help),
                (Self::Tilde, b'~') => None,
                (Self::Tilde, _) => {
                    send.push(b'~');
                    None
                }
                _ => None,
            };
            if let Some(action) = special {
                *self = Self::LineStart;
                if !send.is_empty() {
                    actions.push(Action::Send(std::mem::take(&mut send)));
                }
                actions.push(action);
            } else {
                send.push(key);
                *self = if matches!(key, b'\r' | b'\n') { Self::LineStart } else { Self::Middle };
            }
        }
        if !send.is_empty() {
            actions.push(Action::Send(send));
        }
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(text: &str) -> Action {
        Action::Send(text.into())
    }

    #[test]
    fn a_tilde_escapes_only_at_the_beginning_of_a_line() {
        let mut escape = Escape::default();
        assert_eq!(escape.take(b"ls ~.\r"), [send("ls ~.\r")]);
        assert_eq!(escape.take(b"~B~?x"), [Action::Break, Action::Help, send("x")]);
        assert_eq!(escape.take(b"a\r~."), [send("a\r"), Action::Quit]);
    }

    #[test]
    fn two_tildes_are_one_and_another_key_keeps_its_tilde() {
        let mut escape = Escape::default();
        assert_eq!(escape.take(b"~"), []);
        assert_eq!(escape.take(b"~"), [send("~")]);
        assert_eq!(escape.take(b"\r"), [send("\r")]);
        assert_eq!(escape.take(b"~/bin\r"), [send("~/bin\r")]);
    }
}
