//! Parts that several targets share.

use std::path::{Path, PathBuf};

/// Returns a safetensors file: the header, which ends at the first byte 0xFF, behind its length.
pub fn with_length(content: &[u8]) -> Vec<u8> {
    let mut parts = content.splitn(2, |&byte| byte == 0xFF);
    let (header, numbers) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header, numbers].concat()
}

/// Makes a folder for this process, in memory if there is one for files: a target writes thousands a second.
pub fn folder(target: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let folder = parent.join(format!("palmnet-fuzz-{target}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}
