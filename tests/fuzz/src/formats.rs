//! Reading formats: no panic, and what was read and written again reads the same.

use std::fmt::Debug;

use ipmi_wire::{
    asf, bt,
    codec::{Decode, Encode as _},
    command::session::{
        ChannelAuthenticationCapabilitiesRequest, ChannelCipherSuitesRequest, CloseSessionRequest,
        SessionPrivilegeLevelRequest,
    },
    lan_message::LanMessage,
    pet::{PlatformEventTrap, SnmpTrap},
    rakp::{OpenSessionRequest, OpenSessionResponse, Proof, Rakp1, Rakp2},
    record::sdr::{MAX_LENGTH, Sdr},
    rmcp,
    rmcp_plus::Packet,
    session_v15, vm_serial,
};

/// Any datagram of port 623.
pub fn rmcp_datagram(data: &[u8]) {
    let Ok((header, body)) = rmcp::Header::parse(data) else { return };
    let mut out = Vec::new();
    header.emit(&mut out);
    assert_eq!(rmcp::Header::parse(&out).unwrap().0, header);
    if let Ok(message) = asf::Message::parse(body) {
        let mut out = Vec::new();
        message.emit(&mut out);
        assert_eq!(asf::Message::parse(&out).unwrap(), message);
    }
    if let Ok(packet) = session_v15::Packet::parse(body) {
        lan_message(packet.message);
    }
    if let Ok(packet) = Packet::parse(body) {
        for code_length in [0, 12, 16, 32] {
            let _ = packet.authenticated(code_length);
        }
        lan_message(packet.payload);
        handshake(packet.payload);
    }
}

fn handshake(payload: &[u8]) {
    same(payload, OpenSessionRequest::parse, |message, out| message.emit(out));
    same(payload, OpenSessionResponse::parse, |message, out| message.emit(out));
    // Those that borrow from what they are read from are compared with their bytes.
    if let Ok(message) = Rakp1::parse(payload) {
        let mut out = Vec::new();
        message.emit(&mut out);
        assert_eq!(Rakp1::parse(&out).unwrap(), message);
    }
    if let Ok(message) = Rakp2::parse(payload) {
        let mut out = Vec::new();
        message.emit(&mut out);
        assert_eq!(Rakp2::parse(&out).unwrap(), message);
    }
    if let Ok(message) = Proof::parse(payload) {
        let mut out = Vec::new();
        message.emit(&mut out);
        assert_eq!(Proof::parse(&out).unwrap(), message);
    }
}

fn same<T: PartialEq + Debug, E: Debug>(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, E>,
    emit: impl Fn(&T, &mut Vec<u8>),
) {
    if let Ok(value) = parse(bytes) {
        let mut out = Vec::new();
        emit(&value, &mut out);
        assert_eq!(parse(&out).unwrap(), value);
    }
}

/// What a virtual machine sends: whole frames, none of them twice, and what was read and written again reads the same.
pub fn vm_stream(data: &[u8]) {
    let mut decoder = vm_serial::Decoder::default();
    let ends = data.iter().filter(|byte| matches!(**byte, 0xA0 | 0xA1)).count();
    let frames: Vec<_> = data.iter().filter_map(|byte| decoder.push(*byte)).collect();
    assert_eq!(frames.len(), ends);
    for frame in frames {
        let mut out = Vec::new();
        match &frame {
            vm_serial::Frame::Message { id, message } => vm_serial::emit_message(*id, message, &mut out),
            vm_serial::Frame::Control(control) => control.emit(&mut out),
            vm_serial::Frame::Malformed(_) => continue,
        }
        let mut decoder = vm_serial::Decoder::default();
        let read: Vec<_> = out.iter().filter_map(|byte| decoder.push(*byte)).collect();
        assert_eq!(read, [frame]);
    }
}

/// A frame of the BT device.
pub fn bt_frame(data: &[u8]) {
    let _ = bt::head(data);
    let Ok(request) = bt::BtRequest::parse(data) else { return };
    let mut out = Vec::new();
    request.emit(&mut out).unwrap();
    assert_eq!(out, data, "a BT frame has one way to be written");
}

/// A LAN message, and its data as those of every session command.
pub fn lan_message(data: &[u8]) {
    let Ok(message) = LanMessage::parse(data) else { return };
    let mut out = Vec::new();
    message.emit(&mut out);
    assert_eq!(out, data, "a LAN message has one way to be written");
    let _ = ChannelAuthenticationCapabilitiesRequest::from_bytes(message.data);
    let _ = ChannelCipherSuitesRequest::from_bytes(message.data);
    let _ = SessionPrivilegeLevelRequest::from_bytes(message.data);
    let _ = CloseSessionRequest::from_bytes(message.data);
}

/// A sensor data record, as Add SDR brings it. What is read has all its facts in what is written: reading that again changes nothing,
/// and no record is longer than its place.
pub fn sensor_record(data: &[u8]) {
    let Ok(record) = Sdr::from_bytes(data) else { return };
    assert!(data.len() <= MAX_LENGTH);
    let written = record.to_bytes();
    let again = Sdr::from_bytes(&written).unwrap();
    assert_eq!((again.record_id(), again.record_type()), (record.record_id(), record.record_type()));
    assert_eq!(again.to_bytes(), written);
}

/// An SNMP message with a platform event trap.
pub fn snmp_trap(data: &[u8]) {
    let Ok(message) = SnmpTrap::parse(data) else { return };
    let mut out = Vec::new();
    message.emit(&mut out);
    assert_eq!(out, data, "an SNMP message has one way to be written");
    let parse = |octets: &[u8]| PlatformEventTrap::parse(message.specific_trap, octets);
    let Ok(trap) = parse(&message.variable_bindings) else { return };
    assert_eq!(trap.specific_trap(), message.specific_trap);
    assert_eq!(parse(&trap.variable_bindings("")).unwrap(), trap);
}
