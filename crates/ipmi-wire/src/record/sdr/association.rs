//! Entity association records: which entity is made of which.

use super::{Entity, RecordBody};
use crate::{CompletionCode, codec::Reader};

/// How the contained entities of a record are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contained<T> {
    /// Whether they are ranges: the first two from and to, the last two likewise. Else each stands for itself.
    pub ranges: bool,
    /// Up to four; an entity ID of 0 is none.
    pub entities: [T; 4],
}

/// What both kinds of association have beside entities (flags byte of v2.0§43.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Association {
    /// Whether another record goes on with the same container.
    pub linked: bool,
    /// Whether the sensors of the contained entities can be asked for though the container may be absent.
    pub always_accessible: bool,
}

const RANGES: u8 = 0x80;
const LINKED: u8 = 0x40;
const ALWAYS_ACCESSIBLE: u8 = 0x20;

fn flags(association: Association, ranges: bool) -> u8 {
    let flag = |flag, set| if set { flag } else { 0 };
    flag(RANGES, ranges)
        | flag(LINKED, association.linked)
        | flag(ALWAYS_ACCESSIBLE, association.always_accessible)
}

fn from_flags(flags: u8) -> (Association, bool) {
    let association =
        Association { linked: flags & LINKED != 0, always_accessible: flags & ALWAYS_ACCESSIBLE != 0 };
    (association, flags & RANGES != 0)
}

/// An entity association record (v2.0§43.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityAssociation {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// What contains the others.
    pub container: Entity,
    /// How.
    pub association: Association,
    /// What it contains.
    pub contained: Contained<Entity>,
}

impl RecordBody for EntityAssociation {
    const TYPE: u8 = 0x08;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        out.extend([self.container.id, self.container.instance]);
        out.push(flags(self.association, self.contained.ranges));
        out.extend(self.contained.entities.iter().flat_map(|entity| [entity.id, entity.instance]));
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [id, instance, flags] = reader.array()?;
        let (association, ranges) = from_flags(flags);
        let mut entities = [Entity { id: 0, instance: 0 }; 4];
        for entity in &mut entities {
            let [id, instance] = reader.array()?;
            *entity = Entity { id, instance };
        }
        let container = Entity { id, instance };
        Ok(Self { record_id, container, association, contained: Contained { ranges, entities } })
    }
}

/// An entity whose instance is relative to a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceEntity {
    /// Address of the controller on its channel; 0 where the instance is system-wide.
    pub address: u8,
    /// The channel, 0 to 15.
    pub channel: u8,
    /// The entity.
    pub entity: Entity,
}

/// A device-relative entity association record (v2.0§43.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRelativeAssociation {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// What contains the others.
    pub container: DeviceEntity,
    /// How.
    pub association: Association,
    /// What it contains.
    pub contained: Contained<DeviceEntity>,
}

/// Reserved bytes at the end.
const RESERVED: usize = 6;

impl RecordBody for DeviceRelativeAssociation {
    const TYPE: u8 = 0x09;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        let DeviceEntity { address, channel, entity } = self.container;
        out.extend([entity.id, entity.instance, address, channel << 4]);
        out.push(flags(self.association, self.contained.ranges));
        for DeviceEntity { address, channel, entity } in self.contained.entities {
            out.extend([address, channel << 4, entity.id, entity.instance]);
        }
        out.extend([0; RESERVED]);
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let device = |address, channel: u8, id, instance| DeviceEntity {
            address,
            channel: channel >> 4,
            entity: Entity { id, instance },
        };
        let [id, instance, address, channel, flags] = reader.array()?;
        let container = device(address, channel, id, instance);
        let (association, ranges) = from_flags(flags);
        let mut entities = [device(0, 0, 0, 0); 4];
        for entity in &mut entities {
            let [address, channel, id, instance] = reader.array()?;
            *entity = device(address, channel, id, instance);
        }
        reader.take(RESERVED)?;
        Ok(Self { record_id, container, association, contained: Contained { ranges, entities } })
    }
}
