//! System boot options.

use bmc_dbus::boot::BootOptionsProxy;
use futures_util::FutureExt as _;
use ipmi_wire::{
    CompletionCode,
    command::boot::{BootOption, BootOptionData, BootOptionSelector},
};
use zbus::{Connection, proxy::CacheProperties};

use super::{Pending, PlatformError, dbus::platform_error};

/// The seam to powerd's parameters, which know the completion codes themselves.
pub trait BootOptions: Send + Sync {
    /// Sets a parameter.
    fn set(&self, option: BootOption) -> Pending<'_, Result<(), CompletionCode>>;
    /// Tells a parameter.
    fn get(&self, selector: BootOptionSelector) -> Pending<'_, Result<BootOptionData, CompletionCode>>;
}

/// The parameters behind `org.ferrite.BootOptions`.
pub struct DbusBootOptions {
    connection: Connection,
}

impl DbusBootOptions {
    /// The parameters on this bus.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    async fn options(&self) -> Result<BootOptionsProxy<'_>, PlatformError> {
        let builder = BootOptionsProxy::builder(&self.connection).cache_properties(CacheProperties::No);
        builder.build().boxed().await.map_err(|error| platform_error(&error))
    }
}

/// What an answer's first byte says.
fn completion(code: u8) -> Result<(), CompletionCode> {
    match CompletionCode(code) {
        CompletionCode::OK => Ok(()),
        code => Err(code),
    }
}

impl BootOptions for DbusBootOptions {
    fn set(&self, option: BootOption) -> Pending<'_, Result<(), CompletionCode>> {
        Box::pin(async move {
            let options = self.options().await?;
            let code = options.set(option.parameter, option.invalid, &option.data).boxed().await;
            Ok(completion(code.map_err(|error| platform_error(&error))?))
        })
    }

    fn get(&self, selector: BootOptionSelector) -> Pending<'_, Result<BootOptionData, CompletionCode>> {
        Box::pin(async move {
            let BootOptionSelector { parameter, set, .. } = selector;
            let answer = self.options().await?.get(parameter, set).boxed().await;
            let (code, invalid, data) = answer.map_err(|error| platform_error(&error))?;
            Ok(completion(code).map(|()| BootOptionData { invalid, parameter, data }))
        })
    }
}
