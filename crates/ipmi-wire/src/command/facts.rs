//! The facts of a command on one line each.

/// Declares a command: its unit struct and its [`Command`](super::Command) facts.
macro_rules! command {
    (
        $(#[$doc:meta])*
        $name:ident = $net_fn:ident $cmd:literal $text:literal, $access:expr, $request:ty => $response:ty
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl $crate::command::Command for $name {
            const NET_FN: $crate::NetFn = $crate::NetFn::$net_fn;
            const CMD: u8 = $cmd;
            const NAME: &'static str = $text;
            const ACCESS: $crate::command::Access = $access;
            type Request = $request;
            type Response = $response;
        }
    };
}

/// Tests that whatever bytes read as a `$type` are the same value after it was written and read again, and that no bytes make
/// reading panic.
#[cfg(test)]
macro_rules! reads_back {
    ($($test:ident: $type:ty;)*) => {
        proptest::proptest! {
            $(
                #[test]
                fn $test(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..24)) {
                    use $crate::codec::{Decode as _, Encode as _};
                    if let Ok(value) = <$type>::from_bytes(&bytes) {
                        proptest::prop_assert_eq!(<$type>::from_bytes(&value.to_bytes()), Ok(value));
                    }
                }
            )*
        }
    };
}
