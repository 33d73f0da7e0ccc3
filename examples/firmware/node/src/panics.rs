//! How the program ends: QEMU is told, so that its exit status says it.

use core::panic::PanicInfo;

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS, exit};

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // Where it was, without its words: they would bring the formatting of core, which is some kilobytes of flash.
    if let Some(place) = info.location() {
        defmt::error!("panic at {=str}:{=u32}", place.file(), place.line());
    }
    stop("panic")
}

pub fn stop(why: &str) -> ! {
    defmt::error!("{=str}", why);
    loop {
        exit(EXIT_FAILURE);
    }
}

pub fn end() -> ! {
    loop {
        exit(EXIT_SUCCESS);
    }
}
