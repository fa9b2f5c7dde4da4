//! Owning a bus name, or saying who does.

use zbus::{
    Connection,
    fdo::{DBusProxy, RequestNameFlags},
};

/// A bus name that this process could not have.
#[derive(Debug, thiserror::Error)]
pub enum OwnNameError {
    /// Somebody else has it.
    #[error("bus name {name} is owned by {owner}\nhint: does another instance or OpenBMC's own daemon run?")]
    Taken {
        /// The name.
        name: String,
        /// The owner's unique name and process, as far as the bus tells.
        owner: String,
    },
    /// The bus refused, by policy for example.
    #[error("cannot own bus name {name}: {source}")]
    Refused {
        /// The name.
        name: String,
        /// What the bus said.
        source: zbus::Error,
    },
}

/// Owns `name`, without queueing and without taking it from its owner (zbus' defaults would do that).
///
/// # Errors
/// [`OwnNameError`].
pub async fn own_name(connection: &Connection, name: &str) -> Result<(), OwnNameError> {
    match connection.request_name_with_flags(name, RequestNameFlags::DO_NOT_QUEUE).await {
        Ok(_) => Ok(()),
        Err(zbus::Error::NameTaken) => {
            Err(OwnNameError::Taken { name: name.to_owned(), owner: describe_owner(connection, name).await })
        }
        Err(source) => Err(OwnNameError::Refused { name: name.to_owned(), source }),
    }
}

async fn describe_owner(connection: &Connection, name: &str) -> String {
    let unknown = || "an unknown process".to_owned();
    let (Ok(bus), Ok(bus_name)) = (DBusProxy::new(connection).await, name.try_into()) else {
        return unknown();
    };
    match bus.get_connection_unix_process_id(bus_name).await {
        Ok(pid) => format!("process {pid}"),
        Err(_) => unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_stays_with_its_owner_and_the_error_names_the_process() {
        let bus = system_tests::PrivateBus::start().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let connect = || zbus::connection::Builder::address(bus.address()).build();
            let (first, second) = (connect().await.unwrap(), connect().await.unwrap());
            own_name(&first, "org.ferrite.Test").await.unwrap();
            let error = own_name(&second, "org.ferrite.Test").await.unwrap_err().to_string();
            assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        });
    }
}
