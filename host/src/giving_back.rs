//! Memory that was freed, and that the allocator keeps for later: after a rush it is
//! given back to the system.

/// Gives back what is free. Takes milliseconds, so that it is not for every request.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer and touches free memory alone, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
