"""The resolver's HTTP front: the Handle JSON interface, the proxy and the page of an identifier.

``handle_json`` writes and reads values and answers as JSON, ``handle_data_json`` the typed data inside them,
``json_place`` says where in somebody's JSON a fault lies. All three are pure: no request, no clock, no database.
"""
