//! Records with `"Driver": "i2c-dev"`: chips that are read without a driver of the kernel's.

use bmc_daemon::Located;

use super::{build::Build, record::Record, spec::SensorSpec};
use crate::{
    chip::{
        self, Measure,
        pmbus::{self, Coefficients, Format, LAST_PAGE},
        temperature,
    },
    source::Place,
};

/// The field, and the one thing that it may say.
const FIELD: &str = "Driver";
const I2C_DEV: &str = "i2c-dev";

/// Whether the record is to be read without a driver.
pub(super) fn is_wanted(record: &Record<'_>) -> Result<bool, Located> {
    match record.get::<String>(FIELD)?.as_deref() {
        None => Ok(false),
        Some(I2C_DEV) => Ok(true),
        Some(other) => {
            let text =
                format!("`{other}` is not `{I2C_DEV}`\nhint: without the field the kernel's driver is read");
            Err(record.field_error(FIELD, text))
        }
    }
}

/// The error for a type that is in no table of `chip`.
pub(super) fn unknown(record: &Record<'_>, record_type: &str) -> Located {
    let text = format!(
        "type `{record_type}` cannot be read without its driver\nhint: a PMBus device may be given as `pmbus`, with `_Coefficients` where it is not linear"
    );
    record.field_error(FIELD, text)
}

impl Build<'_, '_> {
    pub(super) fn driverless_temperatures(&self) -> Result<Vec<SensorSpec>, Located> {
        let location = self.location()?;
        let part =
            temperature::part_of(self.record_type).ok_or_else(|| unknown(self.record, self.record_type))?;
        self.temperatures(|_, number| {
            let channel = part.channels.get(number - 1).ok_or_else(|| {
                let text = format!("{} has {} channels", self.record_type, part.channels.len());
                self.record.field_error(&format!("Name{}", number - 1), text)
            })?;
            Ok(Place::Chip(chip::Channel { location, measure: Measure::Temperature(*channel) }))
        })
    }

    pub(super) fn driverless_pmbus(&self) -> Result<Vec<SensorSpec>, Located> {
        let location = self.location()?;
        let part = pmbus::part_of(self.record_type).ok_or_else(|| unknown(self.record, self.record_type))?;
        let pec = self.record.get("PEC")?.unwrap_or(false);
        let paged = self.has_pages()?;
        self.pmbus(|label, number, quantity| {
            let (command, page) = self.command(label, number)?;
            let format = self.coefficients(label)?.map_or_else(|| part.format(label), Format::Direct);
            let page = paged.then_some(page);
            let per_unit = quantity.divisor();
            let channel = pmbus::Channel { command, page, pec, format, per_unit };
            Ok(Place::Chip(chip::Channel { location, measure: Measure::Pmbus(channel) }))
        })
    }

    /// Whether anything is read from another page than the first.
    fn has_pages(&self) -> Result<bool, Located> {
        for label in self.labels()? {
            let (_, number) = self.label(&label)?;
            if self.command(&label, number)?.1 != 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The command and the page of a label.
    fn command(&self, label: &str, number: usize) -> Result<(u8, u8), Located> {
        let (command, page) = pmbus::command_of(label, number).ok_or_else(|| {
            self.record.field_error("Labels", format!("PMBus has no command for `{label}`"))
        })?;
        let own = self.record.whole(&format!("{label}_Page"), LAST_PAGE)?;
        Ok((command, own.and_then(|page| u8::try_from(page).ok()).unwrap_or(page)))
    }

    /// `[m, b, R]` of a label.
    fn coefficients(&self, label: &str) -> Result<Option<Coefficients>, Located> {
        let field = format!("{label}_Coefficients");
        let Some((m, b, r)) = self.record.get::<(f64, f64, i8)>(&field)? else { return Ok(None) };
        if m == 0.0 {
            return Err(self.record.field_error(&field, "m is 0"));
        }
        Ok(Some(Coefficients { m, b, r }))
    }
}
