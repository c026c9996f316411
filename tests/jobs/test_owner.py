from jobs.ledger.owner import is_gone, this_process


def test_a_process_is_known_from_a_later_one_with_its_id():
    me = this_process()
    boot, pid, start = me.split(":")
    assert is_gone(me) is False
    assert is_gone(f"{boot}:{pid}:{int(start) - 1}") is True
    assert is_gone(f"another-boot:{pid}:{start}") is None
