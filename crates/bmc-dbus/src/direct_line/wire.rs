//! `execute` and its answer as D-Bus messages, laid out as zbus does it but without its way over signatures and dictionaries: on
//! the line that way costs more than everything else that is done for a command.
//!
//! What is laid out otherwise (another byte order or order of fields) is as good a message; it is left to zbus.

use std::{num::NonZeroU32, sync::LazyLock};

use crate::{
    execute::{Call, Options, Reply},
    names::ipmi,
};

/// Byte order, type, flags, version; body length, serial, length of the header fields (D-Bus specification, "Message Format").
const PRIMARY_HEADER: usize = 16;
const METHOD_CALL: [u8; 4] = [b'l', 1, 0, 1];
const METHOD_RETURN: [u8; 4] = [b'l', 2, 0, 1];

/// Header fields of an answer: REPLY_SERIAL, whose value follows, and SIGNATURE.
const REPLY_SERIAL: [u8; 4] = [5, 1, b'u', 0];
const REPLY_SIGNATURE: &[u8] = b"\x08\x01g\x00\x08(yyyyay)\x00";

/// A call's header with nought for body length and serial.
static CALL_HEADER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut out = Writer(METHOD_CALL.to_vec());
    out.0.resize(PRIMARY_HEADER, 0);
    for (code, kind, text) in [(1, b'o', ipmi::PATH), (2, b's', ipmi::SERVER), (3, b's', "execute")] {
        out.align(8);
        out.0.extend([code, 1, kind, 0]);
        out.text(text);
    }
    out.align(8);
    out.0.extend(b"\x08\x01g\x00\x0ayyyaya{sv}\x00");
    let fields = out.0.len() - PRIMARY_HEADER;
    out.align(8);
    out.set(12, fields);
    out.0
});

/// The message that asks for `call`.
pub(super) fn encode_call(serial: NonZeroU32, call: &Call) -> Vec<u8> {
    let header = &*CALL_HEADER;
    let mut out = Writer(Vec::with_capacity(header.len() + 160 + call.data.len()));
    out.0.extend_from_slice(header);
    out.0.extend([call.net_fn, call.lun, call.command]);
    out.bytes(&call.data);
    out.align(4);
    let length_at = out.0.len();
    out.word(0);
    out.align(8);
    let begin = out.0.len();
    for (key, kind, value) in entries(&call.options) {
        let Some(value) = value else { continue };
        out.align(8);
        out.text(key);
        out.0.extend([1, kind, 0]);
        out.align(4);
        out.0.extend(value);
    }
    out.set(length_at, out.0.len() - begin);
    out.finish(header.len(), serial)
}

/// The options in the order of their definition: key, type and value.
fn entries(options: &Options) -> [(&'static str, u8, Option<[u8; 4]>); 5] {
    let int = |value: Option<i32>| value.map(i32::to_le_bytes);
    [
        ("userId", b'i', int(options.user_id)),
        ("privilege", b'i', int(options.privilege)),
        ("currentSessionId", b'u', options.session_id.map(u32::to_le_bytes)),
        ("rqSA", b'i', int(options.requester_address)),
        ("hostId", b'i', int(options.host_id)),
    ]
}

/// Serial and call of a message that is laid out as [`encode_call`] does it.
pub(super) fn decode_call(message: &[u8]) -> Option<(NonZeroU32, Call)> {
    let header = &*CALL_HEADER;
    let same = message.get(..4) == header.get(..4) && message.get(12..header.len()) == header.get(12..);
    let mut body = Reader { message, at: header.len() };
    let [net_fn, lun, command] = body.take()?;
    if !same {
        return None;
    }
    let data = body.bytes()?.to_vec();
    let mut options = Options::default();
    let length = body.word()?;
    body.align(8);
    let end = body.at.checked_add(length)?;
    while body.at < end {
        body.align(8);
        let key = body.text()?;
        let [1, kind, 0] = body.take()? else { return None };
        body.align(4);
        set_option(&mut options, key, kind, body.take()?)?;
    }
    (body.at == message.len()).then_some(())?;
    Some((serial(message, 8)?, Call { net_fn, lun, command, data, options }))
}

fn set_option(options: &mut Options, key: &[u8], kind: u8, value: [u8; 4]) -> Option<()> {
    let int = Some(i32::from_le_bytes(value));
    match (key, kind) {
        (b"userId", b'i') => options.user_id = int,
        (b"privilege", b'i') => options.privilege = int,
        (b"currentSessionId", b'u') => options.session_id = Some(u32::from_le_bytes(value)),
        (b"rqSA", b'i') => options.requester_address = int,
        (b"hostId", b'i') => options.host_id = int,
        _ => return None,
    }
    Some(())
}

/// The answer to the call with `serial`, which serves as its own serial too.
pub(super) fn encode_reply(serial: NonZeroU32, reply: &Reply) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(64 + reply.data.len()));
    out.0.extend(METHOD_RETURN);
    out.0.resize(PRIMARY_HEADER, 0);
    out.0.extend(REPLY_SERIAL);
    out.0.extend(serial.get().to_le_bytes());
    out.0.extend(REPLY_SIGNATURE);
    out.set(12, out.0.len() - PRIMARY_HEADER);
    out.align(8);
    let header = out.0.len();
    out.0.extend([reply.net_fn, reply.lun, reply.command, reply.completion_code]);
    out.bytes(&reply.data);
    out.finish(header, serial)
}

/// The reply, and the serial of the call that it answers, of a message that is laid out as [`encode_reply`] does it.
pub(super) fn decode_reply(message: &[u8]) -> Option<(NonZeroU32, Reply)> {
    const SIGNATURE_AT: usize = PRIMARY_HEADER + 8;
    const FIELDS: usize = 8 + REPLY_SIGNATURE.len();
    const HEADER: usize = (PRIMARY_HEADER + FIELDS).next_multiple_of(8);
    let same = message.get(..4)? == METHOD_RETURN
        && word(message, 12)? == FIELDS
        && message.get(PRIMARY_HEADER..PRIMARY_HEADER + 4)? == REPLY_SERIAL
        && message.get(SIGNATURE_AT..PRIMARY_HEADER + FIELDS)? == REPLY_SIGNATURE;
    if !same {
        return None;
    }
    let mut body = Reader { message, at: HEADER };
    let [net_fn, lun, command, completion_code] = body.take()?;
    let data = body.bytes()?.to_vec();
    (body.at == message.len()).then_some(())?;
    Some((serial(message, PRIMARY_HEADER + 4)?, Reply { net_fn, lun, command, completion_code, data }))
}

fn serial(message: &[u8], at: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::from_le_bytes(*message.get(at..)?.first_chunk()?))
}

fn word(message: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*message.get(at..)?.first_chunk()?)).ok()
}

/// A message in the making; alignment counts from its start, and the body starts aligned.
struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn word(&mut self, value: usize) {
        // A message is far shorter than that.
        self.0.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.align(4);
        self.word(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.0.push(0);
    }

    /// Fills in a word that was left out.
    fn set(&mut self, at: usize, value: usize) {
        let value = u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        for (to, from) in self.0.iter_mut().skip(at).zip(value) {
            *to = from;
        }
    }

    fn finish(mut self, header: usize, serial: NonZeroU32) -> Vec<u8> {
        self.set(4, self.0.len() - header);
        for (to, from) in self.0.iter_mut().skip(8).zip(serial.get().to_le_bytes()) {
            *to = from;
        }
        self.0
    }
}

/// The rest of a message.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.message.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(taken)
    }

    fn word(&mut self) -> Option<usize> {
        self.align(4);
        usize::try_from(u32::from_le_bytes(self.take()?)).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.word()?;
        let taken = self.message.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let text = self.bytes()?;
        let [0] = self.take()? else { return None };
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use zbus::{Message, OwnedVariant};

    use super::{
        super::frames::{Frame, Frames},
        *,
    };

    fn calls() -> Vec<Call> {
        let one = Options { privilege: Some(0), ..Options::default() };
        let call = |data: Vec<u8>, options| Call { net_fn: 6, lun: 0, command: 1, data, options };
        let all = Options {
            user_id: Some(2),
            privilege: Some(4),
            session_id: Some(0xA0B0_C0D0),
            requester_address: Some(-1),
            host_id: Some(0),
        };
        let mut calls: Vec<_> = (0..9).map(|length| call(vec![7; length], all)).collect();
        calls.extend([call(vec![], Options::default()), call(vec![1, 2, 3], one)]);
        calls
    }

    fn reply(length: usize) -> Reply {
        Reply { net_fn: 7, lun: 0, command: 1, completion_code: 0xC9, data: vec![0xAB; length] }
    }

    fn of_zbus(serial: NonZeroU32, call: &Call) -> Message {
        let arguments = (call.net_fn, call.lun, call.command, &call.data, call.options.to_dict());
        let builder = Message::method_call(ipmi::PATH, "execute").interface(ipmi::SERVER).serial(serial);
        builder.build(&arguments).unwrap()
    }

    #[test]
    fn calls_are_what_zbus_makes_of_them_and_are_read_from_either() {
        for (serial, call) in (1..).map(|serial| NonZeroU32::new(serial).unwrap()).zip(calls()) {
            let (ours, theirs) = (encode_call(serial, &call), of_zbus(serial, &call));
            // The order of the options is chance in zbus' dictionary, and with it their padding.
            assert_eq!(ours[8..CALL_HEADER.len()], theirs.data()[8..CALL_HEADER.len()]);
            assert_eq!(decode_call(&ours), Some((serial, call.clone())));
            assert_eq!(decode_call(theirs.data()), Some((serial, call)));
        }
    }

    #[test]
    fn zbus_reads_our_calls() {
        for call in calls() {
            let mut frames = Frames::default();
            frames.push(&encode_call(NonZeroU32::MIN, &call));
            let Ok(Some(Frame::Other(message))) = frames.next(|_| None::<()>) else { panic!("{call:?}") };
            type Arguments = (u8, u8, u8, Vec<u8>, HashMap<String, OwnedVariant>);
            let body = message.body();
            let (net_fn, lun, command, data, options): Arguments = body.deserialize().unwrap();
            let options = Options::from_dict(&options);
            assert_eq!(Call { net_fn, lun, command, data, options }, call);
        }
    }

    #[test]
    fn replies_are_what_zbus_makes_of_them() {
        let serial = NonZeroU32::new(9).unwrap();
        let call = of_zbus(serial, &calls()[0]);
        for length in 0..9 {
            let builder = Message::method_return(&call.header()).serial(serial);
            let theirs = builder.build(&(reply(length),)).unwrap();
            let ours = encode_reply(serial, &reply(length));
            assert_eq!(ours, **theirs.data());
            assert_eq!(decode_reply(&ours), Some((serial, reply(length))));
        }
    }

    #[test]
    fn what_is_cut_short_or_longer_is_left_to_zbus() {
        let serial = NonZeroU32::MIN;
        let (call, answer) = (encode_call(serial, &calls()[3]), encode_reply(serial, &reply(5)));
        for length in 0..call.len() {
            assert_eq!(decode_call(&call[..length]), None, "{length}");
        }
        for length in 0..answer.len() {
            assert_eq!(decode_reply(&answer[..length]), None, "{length}");
        }
        assert_eq!(decode_call(&[&call[..], &[0]].concat()), None);
        assert_eq!(decode_reply(&[&answer[..], &[0]].concat()), None);
        assert_eq!(decode_call(&answer), None);
        assert_eq!(decode_reply(&call), None);
    }
}
