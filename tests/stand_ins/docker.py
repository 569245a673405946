"""docker, where a cluster's node is asked for something; all else goes to the real one, `real`."""

DOCKER = """\
if arguments[0] == "cp":
    if arguments[1].endswith(":/kind/kf-template-folder"):
        if not state["owner"]:
            end(1, err="Error response from daemon: " + state["no_owner"])
        end(0, "x" * 512 + state["owner"] + "\\0" * 100)
    state["owner"] = pathlib.Path(arguments[1]).read_text()
    end(0)
if "curl" in arguments:
    end(state["curl"])
if arguments[0] in ("exec", "network", "start"):
    end(0, "172.18.0.1 ")
if arguments[0] == "ps":
    end(0, state["registry"])
if arguments[0] == "port":
    end(0, state["port"])
if line.startswith("inspect"):
    end(0, state["started"] if "StartedAt" in line else "true")
keep()
sys.exit(subprocess.run([{real!r}, *arguments]).returncode)
"""
