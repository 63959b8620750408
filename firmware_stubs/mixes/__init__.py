"""What comes to a hub: parcels with labels, sizes, destinations and what customs will say, from one seed."""
