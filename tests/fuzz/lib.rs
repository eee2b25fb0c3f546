//! Parts that several targets share.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};

use palmnet::unversioned::Json;

/// The most bytes that a target may ask for at once. Its input has a few thousand: what it says about sizes must be
/// compared with what is there before memory is taken.
const MOST_BYTES: usize = 32 << 20;

/// The system's allocator, which ends the process if it is asked for too much.
struct Limited;

impl Limited {
    fn check(size: usize) {
        if size > MOST_BYTES {
            eprintln!("{size} bytes are asked for at once");
            std::process::abort();
        }
    }
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::check(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::check(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::check(size);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Limited = Limited;

/// Returns a safetensors file: the header, which ends at the first byte 0xFF, behind its length.
pub fn with_length(content: &[u8]) -> Vec<u8> {
    let mut parts = content.splitn(2, |&byte| byte == 0xFF);
    let (header, numbers) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header, numbers].concat()
}

/// Returns a safetensors file with as many numbers as its header says, if those are few.
pub fn filled(mut file: Vec<u8>) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&file[8..8 + length]).ok().and_then(|text| Json::parse(text).ok());
    let end = |tensor: &Json| tensor.get("data_offsets")?.as_array()?.get(1)?.as_usize();
    let members = header.as_ref().and_then(Json::as_object).unwrap_or_default();
    let end = members.iter().filter_map(|(_, tensor)| end(tensor)).max().unwrap_or(0);
    if end <= 1 << 16 {
        let small = 0.25f32.to_le_bytes();
        let more = (file.len()..8 + length + end).map(|i| small[(i - length) % 4]);
        let more: Vec<u8> = more.collect();
        file.extend(more);
        file.truncate(8 + length + end);
    }
    file
}

/// Makes a folder for this process, in memory if there is one for files: a target writes thousands a second.
pub fn folder(target: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let prefix = format!("palmnet-fuzz-{target}-");
    // A target is killed in the end, and leaves its folder to the next.
    for entry in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
        let process = entry.file_name().to_str().and_then(|name| name.strip_prefix(&prefix)?.parse::<u32>().ok());
        let has_ended =
            |process: u32| Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{process}")).exists();
        if process.is_some_and(has_ended) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let folder = parent.join(format!("{prefix}{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}
