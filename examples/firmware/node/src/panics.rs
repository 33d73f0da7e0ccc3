//! How the program ends: QEMU is told, so that its exit status says it.

use core::panic::PanicInfo;

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS, exit};

/// That it was a panic, and nothing of where and why: a handler that reads the place keeps the names of all files in flash, and the
/// formatting of core behind them, 14 KB together. The feature `place` does.
#[cfg(not(feature = "place"))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    stop("panic")
}

#[cfg(feature = "place")]
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
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
