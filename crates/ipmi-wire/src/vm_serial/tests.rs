use proptest::prelude::*;

use super::*;

fn decoded(bytes: &[u8]) -> Vec<Frame> {
    let mut decoder = Decoder::default();
    bytes.iter().filter_map(|byte| decoder.push(*byte)).collect()
}

fn message(id: u8, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    emit_message(id, message, &mut out);
    out
}

fn control(control: Control) -> Vec<u8> {
    let mut out = Vec::new();
    control.emit(&mut out);
    out
}

/// What QEMU 10.0 sends when its chardev opens (version, capabilities), the reset of its start, and Linux' first request.
#[test]
fn the_first_bytes_of_qemu_are_read() {
    let bytes = [0xFF, 0x01, 0xA1, 0x08, 0x3F, 0xA1, 0x04, 0xA1, 0x05, 0x18, 0x01, 0xE2, 0xA0];
    assert_eq!(
        decoded(&bytes),
        [
            Frame::Control(Control::Version(1)),
            Frame::Control(Control::Capabilities(Capabilities(0x3F))),
            Frame::Control(Control::Reset),
            Frame::Message { id: 5, message: vec![0x18, 0x01] },
        ]
    );
}

#[test]
fn a_response_has_the_bytes_that_qemu_expects() {
    assert_eq!(message(5, &[0x1C, 0x01, 0x00]), [0x05, 0x1C, 0x01, 0x00, 0xDE, 0xA0]);
    assert_eq!(control(Control::AttentionInterrupt), [0x02, 0xA1]);
    assert_eq!(control(Control::Version(VERSION)), [0xFF, 0x01, 0xA1]);
}

#[test]
fn bytes_that_end_frames_are_escaped_everywhere() {
    let bytes = message(0xA0, &[0xA1, 0xAA, 0x00]);
    assert_eq!(bytes, [0xAA, 0xB0, 0xAA, 0xB1, 0xAA, 0xBA, 0x00, 0x15, 0xA0]);
    assert_eq!(decoded(&bytes), [Frame::Message { id: 0xA0, message: vec![0xA1, 0xAA, 0x00] }]);
    // The checksum too: 01h + 5Eh + 01h + A0h = 100h.
    assert_eq!(message(0x01, &[0x5E, 0x01]), [0x01, 0x5E, 0x01, 0xAA, 0xB0, 0xA0]);
}

#[test]
fn what_is_wrong_with_a_frame_is_told_with_whom_to_answer() {
    let fault = |bytes: &[u8]| match decoded(bytes).as_slice() {
        [Frame::Malformed(malformed)] => (malformed.fault, malformed.id, malformed.header.command),
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(&[0xA0]), (Fault::Short, 0, 0));
    assert_eq!(fault(&[5, 0xFB, 0xA0]), (Fault::Short, 5, 0), "neither NetFn nor command");
    assert_eq!(fault(&[5, 0x18, 0xE3, 0xA0]), (Fault::Short, 5, 0xE3), "no command");
    assert_eq!(fault(&[5, 0x18, 0x01, 0xE3, 0xA0]), (Fault::Checksum, 5, 1));
    assert_eq!(fault(&[5, 0x18, 0x01, 0xAA, 0xA0]), (Fault::Short, 5, 1), "an escape of nothing");
    assert_eq!(fault(&[0xA1]), (Fault::Short, 0, 0));
    assert_eq!(fault(&[0x08, 0xA1]), (Fault::Short, 8, 0), "capabilities without any");
    let longest = message(1, &[0x18; MAX_MESSAGE]);
    assert!(matches!(decoded(&longest).as_slice(), [Frame::Message { .. }]));
    assert_eq!(fault(&message(1, &[0x18; MAX_MESSAGE + 1])), (Fault::Long, 1, 0x18));
}

#[test]
fn a_frame_after_a_malformed_one_is_read() {
    for bad in [message(1, &[0x18; 400]), vec![9, 9, 9, 9, 0xA0], vec![5, 0xAA, 0xA0]] {
        let frames = decoded(&[bad, message(7, &[0x18, 0x01])].concat());
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1], Frame::Message { id: 7, message: vec![0x18, 0x01] });
    }
}

#[test]
fn every_control_code_reads_back() {
    for code in 0..=0xFF {
        let bytes = [code, 0x21];
        let control_read = Control::parse(&bytes).unwrap();
        assert_eq!(decoded(&control(control_read)), [Frame::Control(control_read)], "{code:02X}h");
    }
}

proptest! {
    #[test]
    fn messages_read_back(id: u8, bytes in prop::collection::vec(any::<u8>(), 2..MAX_MESSAGE)) {
        prop_assert_eq!(decoded(&message(id, &bytes)), [Frame::Message { id, message: bytes }]);
    }

    #[test]
    fn one_wrong_byte_is_noticed(at in 0usize..6, flip in 1u8..=0xFF) {
        let good = message(5, &[0x18, 0x01, 0x02, 0x03]);
        let mut bad = good.clone();
        bad[at] ^= flip;
        let frames = decoded(&bad);
        // A flip may also make the end of a frame or an escape; what is read is never another message.
        let read = frames.iter().find(|frame| matches!(frame, Frame::Message { .. }));
        prop_assert!(read.is_none(), "{:?}", read);
    }

    #[test]
    fn any_stream_is_taken_apart(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let ends = bytes.iter().filter(|byte| matches!(**byte, 0xA0 | 0xA1)).count();
        prop_assert_eq!(decoded(&bytes).len(), ends);
    }
}
