//! Files are replaced whole or not at all.

use std::fs;
use std::path::PathBuf;

use palmnet::Error;
use palmnet::unversioned::{Safetensors, write_atomic};

use super::safetensors::python_content;
use crate::support::Folder;

fn complaint(path: &PathBuf) -> String {
    let error = write_atomic(path, b"new").unwrap_err().to_string();
    error.strip_prefix(&format!("{}: ", path.display())).expect(&error).to_string()
}

#[test]
fn file_is_replaced() {
    let folder = Folder::new();
    let path = folder.path("a");
    write_atomic(&path, b"first").unwrap();
    write_atomic(&path, b"2nd").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"2nd");
    python_content().write(&path).unwrap();
    assert_eq!(Safetensors::read(&path).unwrap(), python_content());
    assert_eq!(folder.names(), ["a"]);
}

#[test]
fn failed_write_leaves_nothing_behind() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "old").unwrap();
    assert_eq!(complaint(&folder.path("none/file")), "the folder does not exist: create it, or choose another folder");
    assert_eq!(complaint(&folder.0), "this is a folder: give the name of a file in it");
    let message = "a part of this path is a file, not a folder: choose another folder";
    assert_eq!(complaint(&folder.path("file/inner")), message);
    let error = write_atomic("", b"new").unwrap_err().to_string();
    assert_eq!(error, ": this cannot be a file's name: choose another, shorter name");
    // The temporary file can be written, but it cannot get this name.
    assert!(write_atomic(folder.path(&"x".repeat(300)), b"new").is_err());
    assert_eq!(folder.names(), ["file"]);
    assert!(matches!(Safetensors::read(folder.path("none")), Err(Error::Io { .. })));
}

#[test]
fn read_only_file_is_not_replaced() {
    let folder = Folder::new();
    let path = folder.path("file");
    fs::write(&path, "old").unwrap();
    let writable = fs::metadata(&path).unwrap().permissions();
    let mut permissions = writable.clone();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let message = "no permission to write: change the permissions of the file or folder, or choose another folder";
    assert_eq!(complaint(&path), message);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(folder.names(), ["file"]);
    fs::set_permissions(&path, writable).unwrap();
}

#[test]
fn concurrent_readers_see_whole_files() {
    let folder = Folder::new();
    let path = folder.path("file");
    let contents = [vec![b'a'; 100_000], vec![b'b'; 50_000]];
    write_atomic(&path, &contents[0]).unwrap();
    std::thread::scope(|scope| {
        for content in &contents {
            scope.spawn(|| (0..30).for_each(|_| write_atomic(&path, content).unwrap()));
        }
        for _ in 0..200 {
            assert!(contents.contains(&fs::read(&path).unwrap()));
        }
    });
    assert_eq!(folder.names(), ["file"]);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn symbolic_links_are_kept() {
        let folder = Folder::new();
        fs::create_dir(folder.path("there")).unwrap();
        fs::write(folder.path("there/file"), "old").unwrap();
        symlink("there/file", folder.path("first")).unwrap();
        symlink("first", folder.path("second")).unwrap();
        write_atomic(folder.path("second"), b"new").unwrap();
        assert_eq!(fs::read(folder.path("there/file")).unwrap(), b"new");
        assert!(folder.path("second").is_symlink() && folder.path("first").is_symlink());

        symlink("there/later", folder.path("dangling")).unwrap();
        write_atomic(folder.path("dangling"), b"new").unwrap();
        assert!(folder.path("dangling").is_symlink());
        assert_eq!(fs::read(folder.path("there/later")).unwrap(), b"new");

        symlink("circle", folder.path("circle")).unwrap();
        assert!(write_atomic(folder.path("circle"), b"new").is_err());
        assert_eq!(fs::read_dir(folder.path("there")).unwrap().count(), 2);
        assert_eq!(folder.names(), ["circle", "dangling", "first", "second", "there"]);
    }

    #[test]
    fn permissions_are_kept() {
        let folder = Folder::new();
        let path = folder.path("file");
        for mode in [0o600, 0o666, 0o755] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            write_atomic(&path, b"new").unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    /// Only the superuser may give files away.
    #[test]
    fn owner_is_kept_and_set_user_id_is_not() {
        use std::os::unix::fs::{MetadataExt, chown};
        let folder = Folder::new();
        let path = folder.path("file");
        let facts = || {
            let file = fs::metadata(&path).unwrap();
            (file.uid(), file.gid(), file.mode() & 0o7777)
        };
        fs::write(&path, "old").unwrap();
        let (user, group, _) = facts();
        let is_root = chown(&path, Some(12_345), Some(12_346)).is_ok();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o6750)).unwrap();
        write_atomic(&path, b"new").unwrap();
        match is_root {
            true => assert_eq!(facts(), (12_345, 12_346, 0o750)),
            false => {
                eprintln!("not the superuser: that the owner is kept is not tested");
                assert_eq!(facts(), (user, group, 0o750));
            }
        }
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn device_is_written_not_replaced() {
        assert_eq!(complaint(&"/dev/full".into()), "the disk is full: free some space, or choose another disk");
    }
}
