"""The same work for this project and for other ways to do it, side by side: `make bench`.

The server and its data are `server`'s and `data`'s, who takes part `lineup`'s, how a run is measured
`measure`'s, what its tables must hold `truth`'s, what is written about it `report`'s and `chart`'s. The
contestants are scripts of their own in `contestants`, which know nothing of each other.
"""
