//! Structures of the bus.

/// A structure of the bus, which is read as what it is there: its fields in their order. Serde's derive would read it from a dictionary
/// as well, which nobody sends and which doubles the code.
macro_rules! structure {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$of_field:meta])* pub $field:ident: $kind:ty),+ $(,)? }) => {
        $(#[$about])*
        pub struct $name {
            $($(#[$of_field])* pub $field: $kind),+
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let ($($field,)+) = serde::Deserialize::deserialize(deserializer)?;
                Ok(Self { $($field),+ })
            }
        }
    };
}
