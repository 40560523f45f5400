"""Programs of a build with one source changed: what includes it is compiled anew, and linked in front of the libraries that hold
the old objects. The build itself is only read."""

import json
import os
import shlex
import shutil
import subprocess

LIMIT_S = 300


class Broken(Exception):
    """The changed source does not compile."""


def call(arguments, cwd):
    done = subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode != 0:
        raise Broken(done.stderr[-2000:])
    return done.stdout


class Mutant:
    """The objects of a changed source; its programs are linked when they are asked for."""

    def __init__(self, build, own, made):
        self.build, self.own, self.made, self.linked = build, own, made, {}

    def program(self, name):
        """Its path; None: the change is no part of it."""
        if name not in self.linked:
            self.linked[name] = self.build.link(name, self.own[name], self.made)
        return self.linked[name]


class Build:
    def __init__(self, root, build, place):
        self.root, self.build, self.place = root, build, place
        self.commands = {}  # source -> its compiler's arguments
        self.outputs, self.objects = {}, {}  # object, as ninja names it -> source, and back
        with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
            for entry in json.load(f):
                source = os.path.realpath(entry["file"])
                arguments = shlex.split(entry["command"])
                output = arguments[arguments.index("-o") + 1]
                # The simulator has some of the engine's sources once more, with mistakes planted.
                if source.startswith(os.path.join(root, "core") + os.sep) and not output.startswith("CMakeFiles/"):
                    continue
                self.commands[source] = arguments
                self.outputs[output], self.objects[source] = source, output
        self.dependents = {}  # file -> sources that include it
        source = None
        for line in call(["ninja", "-t", "deps"], build).split("\n"):
            if line and not line[0].isspace():
                source = self.outputs.get(line.split(": #deps")[0])
            elif line.strip() and source:
                file = os.path.realpath(os.path.join(build, line.strip()))
                if file.startswith(root + os.sep):
                    self.dependents.setdefault(file, set()).add(source)
        self.links = {}

    def target(self, program):
        """How a program is linked: its arguments."""
        if program not in self.links:
            name = program if program == "tidemill" else "tests/" + program
            command = call(["ninja", "-t", "commands", "-s", name], self.build).strip().split("\n")[-1]
            arguments = shlex.split(command)
            while arguments[:2] == [":", "&&"]:
                arguments = arguments[2:]
            if arguments[-2:] == ["&&", ":"]:
                arguments = arguments[:-2]
            self.links[program] = arguments
        return self.links[program]

    def built(self, program):
        """The program as it is."""
        arguments = self.target(program)
        return os.path.join(self.build, arguments[arguments.index("-o") + 1])

    def compile(self, source, overlay, output):
        arguments = list(self.commands[source])
        arguments[arguments.index("-o") + 1] = output
        changed = os.path.join(overlay, os.path.relpath(source, self.root))
        at = next(i for i, a in enumerate(arguments) if i > 0 and os.path.realpath(os.path.join(self.build, a)) == source)
        if os.path.exists(changed):
            arguments[at] = changed
        arguments[1:1] = ["-I" + overlay]
        # Same warnings as ever, but what a change makes pointless is no error.
        call([a for a in arguments if a != "-Werror"] + ["-Wno-error"], self.build)

    def mutant(self, site, programs):
        """Compiles what these programs need with the site changed. Broken: it does not compile."""
        overlay = os.path.join(self.place, "source")
        objects = os.path.join(self.place, "objects")
        for folder in (overlay, objects):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
        original = os.path.join(self.root, site.path)
        with open(original, encoding="utf-8") as f:
            text = site.apply(f.read())
        if site.path.endswith(".lua"):
            sources = {self.embed(site.path, text, overlay): None}
        else:
            changed = os.path.join(overlay, site.path)
            os.makedirs(os.path.dirname(changed))
            with open(changed, "w", encoding="utf-8") as f:
                f.write(text)
            sources = dict.fromkeys(self.dependents.get(original, ()))
            if original in self.commands:
                sources[original] = None
        made = {}
        for number, source in enumerate(sorted(sources)):
            made[source] = os.path.join(objects, f"{number}.o")
        wanted = {p: self.target(p) for p in programs}
        own = {p: {self.outputs[a]: a for a in arguments if a in self.outputs} for p, arguments in wanted.items()}
        everyone = {s for of in own.values() for s in of}
        for source, output in made.items():
            if source in everyone or "/tests/" not in source and "/bench/" not in source:
                self.compile(source, overlay, output)
        return Mutant(self, own, made)

    def embed(self, path, text, overlay):
        """embedded.c with the Lua text changed; as if it were the build's."""
        original = os.path.join(self.root, path)
        command = call(["ninja", "-t", "commands", "-s", "embedded.c"], self.build).strip().split("\n")[-1]
        arguments = shlex.split(command[command.index("&&") + 2:])
        made = os.path.realpath(os.path.join(self.build, "embedded.c"))
        tree = os.path.join(overlay, "tree")
        lua, script, root, _, *files = arguments
        output = os.path.join(overlay, os.path.relpath(made, self.root))
        os.makedirs(os.path.dirname(output), exist_ok=True)
        for file in files:
            copy = os.path.join(tree, os.path.relpath(file, root))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            if os.path.realpath(file) == original:
                with open(copy, "w", encoding="utf-8") as f:
                    f.write(text)
            else:
                os.symlink(file, copy)
        call([lua, script, tree, output] + [os.path.join(tree, os.path.relpath(f, root)) for f in files], self.build)
        return made

    def library(self, source):
        """The library that holds a source's object: CMakeFiles/tm_time.dir/core/... is in libtm_time.a."""
        folder = self.objects[source].split("/")[1]
        return "lib" + folder[:-len(".dir")] + ".a"

    def link(self, program, own, made):
        """The program with what was made in place of what it has; None: it has nothing of that."""
        arguments = [made.get(self.outputs.get(a), a) for a in self.target(program)]
        libraries = set(self.target(program))
        extra = [o for s, o in made.items() if s not in own and os.path.exists(o) and self.library(s) in libraries]
        if not extra and arguments == self.target(program):
            return None
        output = os.path.join(self.place, program)
        arguments[arguments.index("-o") + 1] = output
        first = next(i for i, a in enumerate(arguments) if a.endswith(".o"))
        arguments[first:first] = extra + ["-Wl,--allow-multiple-definition"]
        try:
            call(arguments, self.build)
        except Broken as why:  # it has nothing of the object, which wants more than is there
            if "undefined reference" in str(why):
                return None
            raise
        return output
