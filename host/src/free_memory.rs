//! Memory that was freed and that the allocator keeps: after a rush of requests it is
//! returned to the system.

/// Returns free memory to the system. Takes milliseconds, too long for every request.
pub fn release() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer and touches free memory alone, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
