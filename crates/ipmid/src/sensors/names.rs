//! ID strings: at most 16 bytes, and no two sensors with the same.

use std::collections::HashSet;

use ipmi_wire::record::sdr::NAME_MAX;

/// The names taken so far.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A name for the sensor at `path`: its last segment with blanks for underscores, as OpenBMC does. One that is too long
    /// keeps its beginning and its end, which is where names differ; one that is taken gets a number.
    pub(crate) fn take(&mut self, path: &str) -> String {
        let segment = path.rsplit('/').next().unwrap_or_default();
        let full: String =
            segment.chars().map(|c| if c == '_' || !c.is_ascii_graphic() { ' ' } else { c }).collect();
        let short = shorten(full.trim());
        let name = (1..).map(|count| numbered(&short, count)).find(|name| !self.taken.contains(name));
        let name = name.unwrap_or(short);
        self.taken.insert(name.clone());
        name
    }
}

/// ASCII only, so that bytes are characters.
fn shorten(name: &str) -> String {
    const HEAD: usize = 7;
    let tail_length = NAME_MAX - HEAD - 1;
    let (head, tail) = (name.get(..HEAD), name.get(name.len().saturating_sub(tail_length)..));
    match (head, tail) {
        (Some(head), Some(tail)) if name.len() > NAME_MAX => format!("{head}~{tail}"),
        _ => name.to_owned(),
    }
}

fn numbered(name: &str, count: usize) -> String {
    if count == 1 && name.len() > 1 {
        return name.to_owned();
    }
    let suffix = format!("~{count}");
    let room = NAME_MAX.saturating_sub(suffix.len()).min(name.len());
    format!("{}{suffix}", name.get(..room).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_readable_and_unique() {
        let mut names = Names::default();
        assert_eq!(names.take("/x/temperature/Inlet_Temp"), "Inlet Temp");
        assert_eq!(names.take("/x/voltage/Inlet_Temp"), "Inlet Temp~2");
        assert_eq!(names.take("/x/voltage/CPU0_VRM_Output_Voltage_A"), "CPU0 VR~oltage A");
        assert_eq!(names.take("/x/voltage/CPU0_VRM_Output_Voltage_B"), "CPU0 VR~oltage B");
        assert_eq!(names.take("/x/current/CPU0_VRM_Input_Voltage_B"), "CPU0 VR~oltage~2");
    }

    proptest! {
        #[test]
        fn a_thousand_names_of_any_kind_stay_apart(segments in proptest::collection::vec("[A-Z_]{0,40}", 1..300)) {
            let mut names = Names::default();
            let taken: Vec<_> = segments.iter().map(|segment| names.take(&format!("/x/{segment}"))).collect();
            prop_assert!(taken.iter().all(|name| name.len() <= NAME_MAX && name.len() >= 2));
            prop_assert_eq!(taken.iter().collect::<HashSet<_>>().len(), taken.len());
        }
    }
}
