//! The one user of an endpoint under test, and his login.

use ipmi_wire::Privilege;
use rmcp_session::{Secret, User};

use super::client::Client;

pub(super) const NAME: &[u8] = b"admin";
pub(super) const PASSWORD: &[u8] = b"secret";

/// An administrator who may use Serial over LAN.
pub(super) fn administrator() -> User {
    User {
        slot: 2,
        name: NAME.to_vec(),
        enabled: true,
        max_privilege: Some(Privilege::Administrator),
        sol: true,
        secret: Secret::new(PASSWORD).unwrap(),
    }
}

/// Logs `client` in; `ask` sends a datagram and gives the one that comes back.
pub(super) fn log_in(client: &mut Client, mut ask: impl FnMut(&[u8]) -> Vec<u8>) {
    let open = ask(&client.open_request());
    let rakp_1 = client.rakp_1(&open).unwrap();
    let rakp_2 = ask(&rakp_1);
    let (rakp_3, _) = client.rakp_3(&rakp_2).unwrap();
    let rakp_4 = ask(&rakp_3);
    assert_eq!(client.finish(&rakp_4), Ok(true));
}
