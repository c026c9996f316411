"""Everything around the tabs: header, queue, address bar."""
