use super::*;

reads_back! {
    net_fn_support_reads_back: NetFnSupport;
    command_ranges_read_back: CommandRange;
    command_masks_read_back: CommandMask;
    unavailable_commands_read_back: UnavailableCommands;
    command_enables_read_back: CommandEnables;
    commands_read_back: OneCommand;
    sub_function_support_reads_back: SubFunctionSupport;
    sub_function_masks_read_back: SubFunctionMask;
    sub_function_enables_read_back: SubFunctionEnables;
    oem_queries_read_back: OemNetFnQuery;
    oem_functions_read_back: OemNetFn;
}

#[test]
fn the_lun_byte_tells_which_masks_have_bits() {
    let support = NetFnSupport { pairs: [0x6D, 0, 4, 0] };
    let bytes = [0x11, 0x6D, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(support.to_bytes(), bytes);
}

#[test]
fn ipmitool_asks_for_the_upper_half_with_an_operation_of_one() {
    let range = CommandRange::from_bytes(&[0x01, 0x46, 0x00]).unwrap();
    assert_eq!((range.channel.0, range.net_fn, range.first()), (1, NetFn::APP, 0x80));
    assert_eq!(CommandRange::from_bytes(&[1, 0x86, 0]), Err(CompletionCode::INVALID_DATA_FIELD));
    assert_eq!(CommandRange::from_bytes(&[1, 0x07, 0]), Err(CompletionCode::INVALID_DATA_FIELD));
}

#[test]
fn commands_of_a_group_name_it() {
    assert_eq!(CommandRange::from_bytes(&[1, 0x2C, 0]), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
    let range = CommandRange::from_bytes(&[1, 0x2C, 0, 0xDC]).unwrap();
    assert_eq!(range.definer, Definer::Group(0xDC));
}

#[test]
fn a_mask_has_one_bit_a_command() {
    let mask = CommandMask::of(0x80, |command| [0x80, 0x89, 0xFF].contains(&command));
    assert_eq!(mask.bits[..2], [0x01, 0x02]);
    assert_eq!(mask.bits[15], 0x80);
    assert!(mask.has(0x89) && mask.has(0xFF) && !mask.has(0x88));
    assert_eq!(UnavailableCommands::except(&mask).bits[..2], [0xFE, 0xFD]);
}

#[test]
fn ipmitool_writes_sub_functions_as_four_bytes() {
    let bytes = [0x0F, 0x00, 0x00, 0x02, 0x3F, 0, 0, 0];
    let enables = SubFunctionEnables::from_bytes(&bytes).unwrap();
    assert_eq!((enables.command.command, enables.enabled.0), (0x02, 0x3F));
    assert_eq!(enables.to_bytes(), bytes);
}
