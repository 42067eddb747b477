"""What people and programs call: the command line, the tasks of Airflow."""
