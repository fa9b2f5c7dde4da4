use super::*;

#[test]
fn the_example_file_names_every_key_with_its_default() {
    let example: Config = system_tests::read_example_config("kcsbridged");
    let defaults = ChannelConfig {
        kcs: Some("/dev/ipmi-kcs3".into()),
        deadline_ms: Some(3000),
        ..ChannelConfig::default()
    };
    assert_eq!(example.channel[DEFAULT_CHANNEL], defaults);
    // Those that are no defaults stand in its text.
    let text = system_tests::example_config("kcsbridged");
    for key in ["kcs", "bt", "ssif", "vm", "deadline_ms", "follow_power", "legacy_attention"] {
        assert!(text.contains(&format!("{key} = ")), "{key}");
    }
}
