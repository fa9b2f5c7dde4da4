//! Where the program is Thumb code, its calls of the C library's three hottest functions stay Thumb code: `thumb_calls.S` says why.

fn main() {
    println!("cargo:rerun-if-changed=thumb_calls.S");
    println!("cargo:rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if !flags.contains("+thumb-mode") {
        return;
    }
    cc::Build::new().file("thumb_calls.S").compile("thumb_calls");
    for function in ["memcpy", "memmove", "memset"] {
        println!("cargo:rustc-link-arg-bins=-Wl,--wrap={function}");
    }
}
