"""Everything around the places: header, queue, address bar."""
