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
