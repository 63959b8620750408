"""A PLC's own millisecond tracking of a line or loop: where each item is believed to be. Independent of any encoding.

The belt's way since the start (the odometer, read off its encoder) grows with its speed; an item is an offset to it,
set anew at each eye. So a stopped belt needs no special case and no clock of its own. A carrier cannot slip: where
carriers are used, an edge belongs to the item on that carrier, else to the nearest expected within the tolerance.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from firmware_stubs.plcs._geometry import Course, Geometry
from firmware_stubs.plcs._item import Item
from firmware_stubs.plcs._marks import AT_MARK_MM, Marks

TRACK_LAST = 999_999
ENCODER_COUNTS = 10**10  # then it begins anew


class Tracking:
    """Items on the belt by track number."""

    def __init__(self, geometry: Geometry, tolerance_mm: int, next_track: int, now: float) -> None:
        self.geometry = geometry
        self.course = Course(geometry)
        self.items: dict[int, Item] = {}
        self.marks = Marks()
        self.odometer = 0.0
        self.speed = geometry.speed_mm_s
        self.running_speed = geometry.speed_mm_s  # the last one above 0
        self.now = now
        self.speed_since = now
        self.tolerance = tolerance_mm
        self._way_then = 0.0  # what the odometer was when the speed changed last, so that no rounding adds up
        self._next_track = next_track
        self._order: list[tuple[float, int]] = []  # offset (on a loop within one lap) and track, the rearmost first
        self._riders: dict[int, Item] = {}  # by their first carrier

    # The belt

    def advance(self, now: float) -> None:
        """The belt moved until now with the speed it had."""
        if now > self.now:
            self.odometer = self._way_then + (now - self.speed_since) * self.speed / 1000
            self.now = now

    def set_speed(self, mm_s: int) -> None:
        """From now on the belt moves with this speed."""
        if mm_s != self.speed:
            self.speed, self.speed_since, self._way_then = mm_s, self.now, self.odometer
            self.running_speed = mm_s or self.running_speed

    def encoder(self, age: float) -> int:
        """The encoder's count so many ms ago, not before the last change of speed."""
        way = self.odometer - self.speed * age / 1000
        return int(way * 1000 / self.geometry.encoder_um + 1e-6) % ENCODER_COUNTS

    def position(self, item: Item) -> float:
        """The way its front edge is believed to have come."""
        return self.odometer + item.offset

    def reached(self, odometer: float) -> bool:
        """Whether the belt has come as far as this mark."""
        return self.odometer >= odometer - AT_MARK_MM

    def when(self, odometer: float) -> float:
        """When the belt was or will be at this mark, at the present speed; now while it stands."""
        return self.now + (odometer - self.odometer) * 1000 / self.speed if self.speed else self.now

    # Items come, are seen and go

    def add(self, point: str, length: int, certainty: str, carrier: int = 0, carriers: int = 0) -> Item:
        """A new item at a point, with the next track number that is free."""
        while self._next_track in self.items:
            self._next_track = self._next_track % TRACK_LAST + 1
        way = float(self.geometry.points[point])
        item = Item(self._next_track, length, point, self.now, way - self.odometer, certainty, way)
        self._next_track = self._next_track % TRACK_LAST + 1
        self.items[item.track] = item
        insort(self._order, self._entry(item))
        self._ride(item, carrier, carriers)
        return item

    def see(self, item: Item, point: str, way: float, length: int, carrier: int, carriers: int) -> None:
        """An eye saw the item: it is there now."""
        self._unlist(item)
        item.point, item.edge_at, item.seen, item.length = point, self.now, way, length
        item.offset = way - self.odometer
        insort(self._order, self._entry(item))
        if carrier != item.carrier:
            self._ride(item, carrier, carriers)

    def drop(self, item: Item) -> None:
        """The item is on the belt no more."""
        del self.items[item.track]
        item.on_line = False
        self._unlist(item)
        if self._riders.get(item.carrier) is item:
            del self._riders[item.carrier]
        self.marks.tidy(len(self.items))

    def forget(self) -> None:
        """A new epoch: nobody is known, track numbers anew."""
        self.items.clear()
        self.marks.clear()
        self._order.clear()
        self._riders.clear()
        self._next_track = 1

    def _ride(self, item: Item, carrier: int, carriers: int) -> None:
        if carrier:
            item.carrier, item.carriers = carrier, carriers
            self._riders.setdefault(carrier, item)

    def leave_carrier(self, item: Item) -> None:
        """Another item lies on its carrier now."""
        if self._riders.get(item.carrier) is item:
            del self._riders[item.carrier]

    def has_place(self, item: Item) -> bool:
        """Whether nobody else was put where it is."""
        return not item.carrier or self._riders.get(item.carrier) is item

    def _entry(self, item: Item) -> tuple[float, int]:
        return (item.offset % self.course.lap if self.course.lap else item.offset), item.track

    def _unlist(self, item: Item) -> None:
        del self._order[bisect_left(self._order, self._entry(item))]

    # Who is where

    def match(self, point: str, carrier: int = 0) -> tuple[Item, float] | None:
        """The item whose edge this is, and the way it has come with it. None = nobody's."""
        position = self.geometry.points[point]
        if rider := self._riders.get(carrier):
            near = [rider]
        else:
            around = self.around(position, self.tolerance)
            near = [item for _, item in around if not (carrier and item.carrier)]
        found = []
        for item in near:
            way = self.course.nearest(position, self.position(item))
            # An eye sees an item once, on a loop once a lap; of two at one place each does.
            if way > item.seen or (way == item.seen and point != item.point):
                found.append((item, way))
        # Who was to be in a lane is meant only when nobody else can be.
        found = [pair for pair in found if not pair[0].should_be_off(pair[1])] or found
        if len(found) > 1 and found[0][0].certainty == "S":
            found[0][0].certainty = "D"
        return found[0] if found else None

    def comes_round(self, point: str, carrier: int) -> Item | None:
        """Who is believed on this carrier and was not just seen at this point (an eye that bounces sees it twice)."""
        rider = self._riders.get(carrier)
        if rider is None:
            return None
        way = self.course.nearest(self.geometry.points[point], self.position(rider))
        return rider if way > rider.seen else None

    def around(self, position: float, reach: float) -> list[tuple[float, Item]]:
        """Items within ± `reach` of a position, the nearest first, each with how far it is from there."""
        centre, lap, order = position - self.odometer, self.course.lap, self._order
        if lap:
            centre %= lap
        found = []
        for middle in (centre - lap, centre, centre + lap) if lap else (centre,):
            index = bisect_left(order, (middle - reach, 0))
            while index < len(order) and order[index][0] <= middle + reach:
                found.append((abs(order[index][0] - middle), order[index][1]))
                index += 1
        return [(away, self.items[track]) for away, track in sorted(found)]

    def neighbours(self, item: Item) -> tuple[Item | None, Item | None]:
        """The items before and behind that are believed not to have left through their gate."""
        index = bisect_left(self._order, self._entry(item))
        return self._walk(index, 1), self._walk(index, -1)

    def _walk(self, index: int, step: int) -> Item | None:
        size = len(self._order)
        for count in range(1, size):
            at = index + step * count
            if not self.course.lap and not 0 <= at < size:
                return None
            other = self.items[self._order[at % size][1]]
            if not other.should_be_off(self.position(other)):
                return other
        return None

    def gap(self, item: Item) -> int:
        """Millimetres from the rear of the item ahead to the front of this one; 0 = none ahead."""
        ahead = self.neighbours(item)[0]
        if ahead is None:
            return 0
        way = ahead.offset - item.offset
        return max(0, round((way % self.course.lap if self.course.lap else way) - ahead.length))
