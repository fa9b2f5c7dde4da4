#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrite_fuzz::vm_stream(data));
