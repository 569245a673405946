"""kind, which makes and deletes clusters in name only."""

KIND = """\
if arguments[:2] == ["get", "clusters"]:
    end(0, "\\n".join(state["clusters"]) + "\\n")
if arguments[:2] == ["create", "cluster"]:
    time.sleep(state["slow"])
    state["clusters"].append(state["name"])
    end(0)
if arguments[:2] == ["delete", "cluster"]:
    state["clusters"] = [each for each in state["clusters"] if each != arguments[-1]]
    state.update(noted=dict(), owner="", polls=0)
    end(0)
end(0, "kind v0.33.0 go1.27.2 linux/amd64")
"""
