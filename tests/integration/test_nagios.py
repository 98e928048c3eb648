"""``at-risk -o nagios`` as a check of a real Nagios Core, against simulators in every state."""

import getpass
import grp
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

ENOUGH_S = 60
NAGIOS = shutil.which("nagios4")
pytestmark = pytest.mark.skipif(
    NAGIOS is None, reason="nagios4 is not installed, so no check was run by Nagios Core"
)

MAIN = """\
cfg_file={folder}/objects.cfg
log_file={folder}/nagios.log
status_file={folder}/status.dat
object_cache_file={folder}/objects.cache
temp_file={folder}/nagios.tmp
temp_path={folder}
check_result_path={folder}
lock_file={folder}/nagios.lock
query_socket={folder}/nagios.qh
command_file={folder}/nagios.cmd
nagios_user={user}
nagios_group={group}
interval_length=1
status_update_interval=1
check_external_commands=0
retain_state_information=0
enable_notifications=0
use_syslog=0
"""
OBJECTS = """\
define command {{
    command_name at-risk
    command_line {program} at-risk -o nagios $ARG1$
}}
define command {{
    command_name none
    command_line /bin/true
}}
define timeperiod {{
    timeperiod_name always
    alias always
    monday 00:00-24:00
    tuesday 00:00-24:00
    wednesday 00:00-24:00
    thursday 00:00-24:00
    friday 00:00-24:00
    saturday 00:00-24:00
    sunday 00:00-24:00
}}
define contact {{
    contact_name somebody
    host_notification_period always
    service_notification_period always
    host_notification_commands none
    service_notification_commands none
}}
define host {{
    host_name cpx
    alias cpx
    address 127.0.0.1
    check_command none
    max_check_attempts 1
    check_period always
    notification_period always
    contacts somebody
}}
"""
SERVICE = """\
define service {{
    host_name cpx
    service_description {name}
    check_command at-risk!{options}
    check_interval 1
    retry_interval 1
    max_check_attempts 1
    check_period always
    notification_period always
    contacts somebody
}}
"""


@contextmanager
def nagios(folder, services):
    """Nagios Core with these services, by name the options of their check."""
    group = grp.getgrgid(os.getgid()).gr_name
    main = MAIN.format(folder=folder, user=getpass.getuser(), group=group)
    objects = OBJECTS.format(program=f"{sys.executable} -m cpx_monitor")
    objects += "".join(SERVICE.format(name=name, options=each) for name, each in services.items())
    (folder / "nagios.cfg").write_text(main)
    (folder / "objects.cfg").write_text(objects)
    process = subprocess.Popen(
        [NAGIOS, str(folder / "nagios.cfg")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield folder / "status.dat"
    finally:
        process.terminate()
        process.communicate(timeout=ENOUGH_S)


def states(status_file, services):
    """What Nagios has made of each check, once it has run all of them."""
    ends_s = time.monotonic() + ENOUGH_S
    while time.monotonic() < ends_s:
        found = {}
        if status_file.exists():
            for block in re.findall(r"servicestatus \{(.*?)\n\t\}", status_file.read_text(), re.S):
                fields = dict(line.strip().split("=", 1) for line in block.strip().splitlines())
                if fields["has_been_checked"] == "1":
                    found[fields["service_description"]] = fields
        if found.keys() == services.keys():
            return found
        time.sleep(0.05)
    raise AssertionError(f"after {ENOUGH_S} s only {sorted(found)} were checked")


def test_nagios_takes_state_text_and_performance_data_as_they_are(simulator, tmp_path):
    quiet = ("--seed=7", "--instances=30")
    well = simulator(*quiet, "--fault=load-40")
    tight = simulator(*quiet, "--fault=load-70@TicketService", "--fault=load-40")
    sick = simulator(*quiet, "--fault=load-97@TicketService", "--fault=load-40")
    services = {
        "well": f"--url={well}",
        "tight": f"--headroom --url={tight}",
        "sick": f"--url={sick}",
        "gone": "--url=http://127.0.0.1:1",
    }

    with nagios(tmp_path, services) as status_file:
        seen = states(status_file, services)

    assert {name: each["current_state"] for name, each in seen.items()} == {
        "well": "0",
        "tight": "1",
        "sick": "2",
        "gone": "3",
    }
    assert seen["sick"]["plugin_output"] == ("CPX CRITICAL - 1 service at risk: TicketService 0/3")
    assert seen["sick"]["long_plugin_output"].startswith(
        "TicketService 0/3 AtRisk: no healthy instance; unhealthy: 10.58.1.7 (CPU 97%"
    )
    assert re.fullmatch(
        r"healthy=27 unhealthy=3 unknown=0 at_risk=1;;0 possibly_at_risk=0 listed=30"
        r" took=[0-9.]+s",
        seen["sick"]["performance_data"],
    )
    assert seen["gone"]["plugin_output"].startswith("CPX UNKNOWN - cannot reach CPX")
