//! The table of interrupts, as a crate for the device would bring it: no longer than the board's.

unsafe extern "C" {
    fn DefaultHandler();
}

/// AN386 has 32, and none of them is enabled. Without this table the runtime assumes the 240 that a Cortex-M4 may have.
// SAFETY: the linker script of the runtime puts this section behind the exceptions of the core, and each entry is a function.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [unsafe extern "C" fn(); 32] = [DefaultHandler; 32];
