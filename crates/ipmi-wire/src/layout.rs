//! Structs whose fields simply stand one after the other in a message.

use crate::{CompletionCode, codec::Reader};

/// A field of fixed size, least significant byte first.
pub(crate) trait Field: Sized {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CompletionCode>;
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ident),*) => {$(
        impl Field for $number {
            fn read(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
                reader.$number()
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
        }
    )*};
}

numbers!(u8, u16, u32, i16);

impl<const N: usize> Field for [u8; N] {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        reader.array()
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }
}

impl Field for crate::record::Conversion {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        crate::codec::Decode::decode(reader)
    }
    fn write(&self, out: &mut Vec<u8>) {
        crate::codec::Encode::encode(self, out);
    }
}

/// What follows, whatever its length.
impl Field for Vec<u8> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(reader.rest().to_vec())
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }
}

/// A struct with [`Decode`](crate::codec::Decode) and [`Encode`](crate::codec::Encode) from the order and types of its fields.
macro_rules! layout {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)+ }

        impl $crate::codec::Decode for $name {
            fn decode(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> Result<Self, $crate::CompletionCode> {
                Ok(Self { $($field: $crate::layout::Field::read(reader)?,)+ })
            }
        }

        impl $crate::codec::Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $($crate::layout::Field::write(&self.$field, out);)+
            }
        }

        impl $crate::layout::Field for $name {
            fn read(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> Result<Self, $crate::CompletionCode> {
                $crate::codec::Decode::decode(reader)
            }
            fn write(&self, out: &mut Vec<u8>) {
                $crate::codec::Encode::encode(self, out);
            }
        }
    };
}
