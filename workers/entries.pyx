"""Makes the enums of entries.pxd importable: `EntryKind`, `Due`, `Phase`, `Fault`, `Flag`."""
