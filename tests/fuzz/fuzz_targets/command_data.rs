#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrite_fuzz::command_data(data));
