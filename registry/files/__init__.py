"""Files (文件) that attributes name by their SHA-256."""
