"""Which approximation should I use? Every method raced on the user's own text, a report of it, advice beforehand."""
