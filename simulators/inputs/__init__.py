"""What drives the city from outside: sun, demand of buildings, cars that come and go."""
