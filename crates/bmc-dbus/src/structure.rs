//! Structures of the bus.

/// Deserializes a structure as what it is on the bus: its fields in their order. Serde's derive would read it from a dictionary as well,
/// which nobody sends and which doubles the code.
macro_rules! structure {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let ($($field,)+) = serde::Deserialize::deserialize(deserializer)?;
                Ok(Self { $($field),+ })
            }
        }
    };
}
