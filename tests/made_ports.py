"""A made-up /sys/class/tty and /dev/serial, laid out as Linux lays out those of real adapters."""

from __future__ import annotations

import shutil
from pathlib import Path


class Machine:
    """Ports below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "dev").mkdir(exist_ok=True)

    def virtual(self, name: str) -> None:
        """A terminal without hardware."""
        self._folder(f"sys/devices/virtual/tty/{name}")
        self._publish(name, f"devices/virtual/tty/{name}")

    def uart(self, name: str, **files: str) -> None:
        """A port of the mainboard, as since Linux 6.5: two layers of the kernel's own lie between it and its driver."""
        number = name.removeprefix("ttyS")
        place = f"devices/platform/serial8250/serial8250:{number}/serial8250:{number}.0"
        self._folder("sys/devices/platform/serial8250", driver="serial8250")
        self._folder(f"sys/{place}", driver="port")
        self._folder(f"sys/{place}/tty/{name}", **files)
        self._publish(name, f"{place}/tty/{name}", device="../..")

    def usb(
        self,
        name: str,
        place: str,
        ids: str,
        serial: str = "",
        interface: str = "00",
        product: str = "",
        maker: str = "",
    ) -> None:
        """A port of an adapter at a USB place, as its udev rules name it: by-id leads to the one that came last."""
        vid, pid = ids.split(":")
        bus = f"sys/devices/pci0000:00/usb1/{place}"
        self._folder(bus, idVendor=vid, idProduct=pid, serial=serial, product=product, manufacturer=maker)
        self._folder(f"{bus}/{place}:1.{interface}", bInterfaceNumber=interface)
        self._folder(f"{bus}/{place}:1.{interface}/{name}", driver="made_sio")
        self._folder(f"{bus}/{place}:1.{interface}/{name}/tty/{name}")
        self._publish(name, f"devices/pci0000:00/usb1/{place}/{place}:1.{interface}/{name}/tty/{name}", device="../..")
        self._link("by-id", "_".join(filter(None, ("usb-" + vid, pid, serial))) + f"-if{interface}-port0", name)
        self._link("by-path", f"pci-0000:00-usb-0:{place}:1.{interface}-port0", name)

    def remove(self, name: str) -> None:
        """Unplug it."""
        entry = self.root / "sys/class/tty" / name
        place = (entry / "device").resolve().parent.parent
        entry.unlink()
        shutil.rmtree(place)
        for link in (self.root / "dev/serial").glob("*/*"):
            if link.readlink().name == name:
                link.unlink()

    def _folder(self, path: str, driver: str = "", **files: str) -> None:
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            if text:
                (folder / file).write_text(f"{text}\n")
        if driver and not (folder / "driver").exists():
            (self.root / "sys/bus/drivers" / driver).mkdir(parents=True, exist_ok=True)
            (folder / "driver").symlink_to(self.root / "sys/bus/drivers" / driver)

    def _publish(self, name: str, place: str, device: str = "") -> None:
        if device:
            (self.root / "sys" / place / "device").symlink_to(device)
        (self.root / "sys/class/tty").mkdir(parents=True, exist_ok=True)
        (self.root / "sys/class/tty" / name).symlink_to(f"../../{place}")

    def _link(self, kind: str, link: str, name: str) -> None:
        folder = self.root / "dev/serial" / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / link).unlink(missing_ok=True)
        (folder / link).symlink_to(f"../../{name}")
