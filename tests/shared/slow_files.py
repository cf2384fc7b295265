"""The files of the core suite that `bin/test quick` leaves out: kills, full disks, crowds, whole doctors.

To see what belongs here, run `bin/test core -- --durations=50` on a machine with nothing else to do: what is
left has to be done in three minutes, with the environments there.
"""

SLOW_FILES = frozenset(
    {
        "buckets/test_check.py",
        "buckets/test_killed.py",
        "buckets/test_sync.py",
        "buckets/test_sync_odd_files.py",
        "buckets/test_sync_stores.py",
        "client/core/test_publishing.py",
        "client/core/test_publishing_resumed.py",
        "portal/test_contract.py",
        "portal/test_doctor_applies.py",
        "portal/test_doctor_causes.py",
        "portal/test_doctor_cleans_up.py",
        "portal/test_doctor_permissions.py",
        "portal/test_doctor_proxies.py",
        "portal/test_doctor_sessions.py",
        "portal/test_doctor_well.py",
        "server/test_any_request.py",
        "server/test_any_text.py",
        "server/test_asking_for_nothing.py",
        "server/test_bounds.py",
        "server/test_bounds_of_times.py",
        "server/test_crash.py",
        "server/test_deleting_versions.py",
        "server/test_every_byte.py",
        "server/test_failing_storage.py",
        "server/test_full_disk.py",
        "server/test_http_as_h11.py",
        "server/test_kills.py",
        "server/test_migrations.py",
        "server/test_notifications_at_work.py",
        "server/test_patience.py",
        "server/test_plain_files.py",
        "server/test_workers.py",
        "transfer/test_round_trip.py",
        "transfer/test_session_denials.py",
    }
)
